"""verlbot: a Slack bot that launches and tracks verl training runs.

How it is put together::

    Slack ──► slack ──► service ──┐                    ┌─► store      Redis
                                  ├─► core (pure) ◄────┼─► sky        SkyPilot's API server
    time  ──► scheduler ─► reconcile ─┘   decisions    ├─► local      or this machine's processes
                                                       └─► recipes    YAML files

People record wishes; time makes them so. A listener writes a wish into the run's record and
answers; the tick observes every active run, decides what to do about each, does it, and writes
down what changed; the notifier compares the record with what stands in Slack and says what is
lacking; the boards compare a channel's schedule with the clock. None of these waits for another,
each may die at any point, and each begins again from the record alone.

A run goes PENDING, LAUNCHING, RUNNING, STOPPING, ENDED, where an approver must agree AWAITING_APPROVAL
before that, and has not ended until its cluster has been seen to be gone. What it may take is held
in the ledger from its wish to its end, written in the steps in which its record is. Its cluster's
name is made of its id, and is the idempotency key for everything outside. Silence of the outside is
never a change of state.

A module imports only from the lines below its own (contracts in `pyproject.toml`)::

    __main__                                the `verlbot` command
    doctor, check, demo, replay             what the command does besides running the bot
    build, parts, running, masked_log       put the pieces together and run them; the only ones that know them all
    slack, scheduler, gate_server           what calls us: people, time, SkyPilot's command line
    service                                 what a person may ask for
    audit_service, monthly_budgets,         who did what; what a month may cost; what is told on a schedule; one tick;
      reports, costs, reconcile, sweep,       a look at whatever stands, at a month's dollars; what may be launched
      purses, gate                            beside us
    fetcher, intake, unreadable_runs,       parts of a tick: a model on its way out, what a log brings; runs whose
      memory_watch                            records cannot be read, or whose clusters SkyPilot does not remember
    announcer                               what those who keep the machines hear
    asked, runs, tails, masked_cloud,       what these share: who asks, which runs there are, reading, masking,
      watcher, …                              judging
    adapters, playground, clock             what we call; a Slack of one's own; the bot's own time
    ports                                   what we need of what we call
    isolation                               several runs, each by itself
    core                                    values and decisions
    settings, valid, process_guard,         the environment, and what is valid there; what a process keeps from others;
      origin                                  where a wish came from
    errors
    language                                every phrase, in the language of whoever is spoken to
"""

__version__ = "0.1.0"
