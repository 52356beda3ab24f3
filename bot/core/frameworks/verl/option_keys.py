"""The settings that verl's trainer knows, by their first two words: an override of any other fails on the machines.

Hydra refuses an unknown key when the training starts, so after the machines are paid for. Below the second word verl
takes settings of models, engines and Ray that no list holds. (Source: verl 0.9.1, `trainer/config/ppo_trainer.yaml` and
its variants for Megatron, VeOmni and TorchTitan.)
"""

from collections.abc import Mapping

NAMES_BY_GROUP = {
    "actor_rollout_ref": "actor hybrid_engine model nccl_timeout ref rollout",
    "algorithm": """
        adv_estimator filter_groups gamma kl_ctrl kl_penalty lam norm_adv_by_std_in_grpo pf_ppo rollout_correction
        use_kl_in_reward use_pf_ppo
        """,
    "critic": """
        checkpoint cliprange_value data_loader_seed enable forward_max_token_len_per_gpu forward_micro_batch_size
        forward_micro_batch_size_per_gpu fsdp grad_clip loss_agg_mode loss_scale_factor megatron model nccl_timeout
        optim ppo_epochs ppo_max_token_len_per_gpu ppo_micro_batch_size ppo_micro_batch_size_per_gpu
        ppo_mini_batch_size profiler rollout_n shuffle strategy torchtitan ulysses_sequence_parallel_size
        use_dynamic_bsz veomni
        """,
    "custom_reward_function": "name path",
    "data": """
        apply_chat_template_kwargs audio_key custom_cls dataloader_num_workers filter_overlong_prompts
        filter_overlong_prompts_workers function_tool_path gen_batch_size image_key image_patch_size
        max_prompt_length max_response_length mm_processor_kwargs prompt_key return_full_prompt
        return_multi_modal_inputs return_raw_chat return_raw_input_ids reward_fn_key seed shuffle tokenizer
        tool_config_path train_batch_size train_files train_max_samples truncation trust_remote_code use_shm
        val_batch_size val_files val_max_samples validation_shuffle video_key
        """,
    "distillation": """
        distillation_loss enabled n_gpus_per_node nnodes teacher_key teacher_models
        """,
    "global_profiler": """
        finish_hook_all_ranks finish_hook_cmd finish_hook_ranks global_tool_config profile_continuous_steps
        relocate_results save_path steps tool
        """,
    "ray_kwargs": "ray_init timeline_json_file",
    "reward": "custom_reward_function num_workers reward_manager reward_model sandbox_fusion",
    "reward_model": """
        enable enable_resource_pool model n_gpus_per_node nnodes num_workers reward_loop_class_name
        reward_loop_module_path reward_loop_source reward_manager rollout
        """,
    "sandbox_fusion": "max_concurrent memory_limit_mb url",
    "skip": "async_rollout rollout rollout_tq",
    "trainer": """
        balance_batch checkpoint_callback_class critic_warmup default_hdfs_dir default_local_dir
        del_local_ckpt_after_load device esi_redundant_time experiment_name log_val_generations logger
        max_actor_ckpt_to_keep max_critic_ckpt_to_keep n_gpus_per_node nnodes project_name
        ray_wait_register_center_timeout resume_from_path resume_mode rollout_data_dir save_freq test_freq
        total_epochs total_training_steps use_v1 v1 val_before_train val_only validation_data_dir
        """,
    "transfer_queue": "backend enable metrics",
}

OPTION_KEYS: Mapping[str, frozenset[str]] = {group: frozenset(names.split()) for group, names in NAMES_BY_GROUP.items()}
"""The second words of each first word."""
