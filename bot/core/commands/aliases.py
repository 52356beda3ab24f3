"""Other words for the commands: those that people know from a shell, and Chinese ones."""

from collections.abc import Mapping

CHINESE = "zh-CN"

ENGLISH_ALIASES: Mapping[str, str] = {
    **dict.fromkeys(("start", "run", "submit", "train"), "launch"),
    **dict.fromkeys(("show", "info", "st"), "status"),
    **dict.fromkeys(("why", "why?", "diagnose"), "explain"),
    **dict.fromkeys(("ls", "ps", "top", "runs", "jobs", "queue"), "list"),
    **dict.fromkeys(("log", "tail"), "logs"),
    **dict.fromkeys(("sample", "rollouts", "rollout", "generations", "completions"), "samples"),
    **dict.fromkeys(("chart", "charts", "graph"), "plot"),
    **dict.fromkeys(("diff",), "compare"),
    **dict.fromkeys(("kill", "cancel", "end", "down", "abort", "terminate"), "stop"),
    **dict.fromkeys(("artifact", "model", "checkpoints"), "artifacts"),
    **dict.fromkeys(("rerun", "relaunch"), "retry"),
    **dict.fromkeys(("continue",), "resume"),
    **dict.fromkeys(("lease", "prolong"), "extend"),
    **dict.fromkeys(("budgets",), "budget"),
    **dict.fromkeys(("accept", "agree"), "approve"),
    **dict.fromkeys(("refuse", "deny", "reject"), "decline"),
    **dict.fromkeys(("costs", "spend", "spending", "spent"), "cost"),
    **dict.fromkeys(("reports", "schedule", "board"), "report"),
    **dict.fromkeys(("recipe",), "recipes"),
    **dict.fromkeys(("lang",), "language"),
    **dict.fromkeys(("?", "commands", "man"), "help"),
}

CHINESE_ALIASES: Mapping[str, str] = {
    **dict.fromkeys(("启动", "运行", "开始", "提交"), "launch"),
    **dict.fromkeys(("状态", "进度"), "status"),
    **dict.fromkeys(("解释", "为什么", "为什么?", "原因", "诊断"), "explain"),
    **dict.fromkeys(("列表", "任务", "列出"), "list"),
    **dict.fromkeys(("日志",), "logs"),
    **dict.fromkeys(("样本", "采样", "回答"), "samples"),
    **dict.fromkeys(("图表", "曲线", "画图"), "plot"),
    **dict.fromkeys(("对比", "比较"), "compare"),
    **dict.fromkeys(("停止", "终止", "取消"), "stop"),
    **dict.fromkeys(("产物", "模型", "检查点"), "artifacts"),
    **dict.fromkeys(("重试", "重跑"), "retry"),
    **dict.fromkeys(("恢复", "续训", "继续"), "resume"),
    **dict.fromkeys(("延长", "续期"), "extend"),
    **dict.fromkeys(("预算",), "budget"),
    **dict.fromkeys(("批准", "同意"), "approve"),
    **dict.fromkeys(("驳回", "拒绝"), "decline"),
    **dict.fromkeys(("费用", "花费", "成本"), "cost"),
    **dict.fromkeys(("报告", "报表"), "report"),
    **dict.fromkeys(("历史",), "history"),
    **dict.fromkeys(("审计",), "audit"),
    **dict.fromkeys(("遗忘",), "forget"),
    **dict.fromkeys(("配方",), "recipes"),
    **dict.fromkeys(("描述", "详情"), "describe"),
    **dict.fromkeys(("语言",), "language"),
    **dict.fromkeys(("帮助", "命令", "？"), "help"),
}

GREETINGS = ("hello", "hi", "hey", "thanks", "你好", "您好", "谢谢")
"""What people say first, or last: the answer is what the bot can do, in few lines."""

LANGUAGE_ALIASES: Mapping[str, str] = {
    **dict.fromkeys(("zh", "chinese", "中文", "简体中文", "汉语", "zh-hans", "zh-hans-cn"), CHINESE),
    **dict.fromkeys(("english", "英文", "英语", "en-us", "en-gb"), "en"),
    **dict.fromkeys(("default",), "workspace"),
}


def resolve_command_word(word: str) -> str:
    """Return the command that a word means; the word itself if it is no alias.

    >>> resolve_command_word("Kill"), resolve_command_word("帮助"), resolve_command_word("status")
    ('stop', 'help', 'status')
    """
    word = word.lower()
    return ENGLISH_ALIASES.get(word) or CHINESE_ALIASES.get(word, word)


def find_language_of(word: str) -> str | None:
    """Return the language that a command's word belongs to, where it is not English."""
    return CHINESE if word in CHINESE_ALIASES else None
