"""verlbot: a Slack bot that launches and tracks verl training runs.

How it is put together::

    Slack ──► slack ──► run_service ──┐                    ┌─► redis      records
                                      ├─► core (pure) ◄────┼─► sky        SkyPilot's API server
    time  ──► scheduler ─► reconciler ┘   decisions        ├─► local      or this machine's processes
                                                           └─► recipes    YAML files

People record requests; time makes them so. A listener writes a request into the run's record and
answers; the tick observes every active run, decides what to do about each, does it, and records
what changed; the notifier compares the record with the messages in Slack and sends what is
missing; the report publisher compares a channel's schedule with the clock. None of these waits for
another, each may die at any point, and each begins again from the record alone.

A run is PENDING, LAUNCHING, RUNNING, STOPPING, ENDED, preceded by AWAITING_APPROVAL if an approver
must agree, and has not ended until its cluster has been observed to be gone. The ledger holds a
reservation for it from its request to its end, written in the same transactions as its record. Its
cluster's name is made of its id, and is the idempotency key for everything outside. Silence of the
outside is never a change of state.

A module imports only from the lines below its own (contracts in `pyproject.toml`)::

    __main__        the `verlbot` command
    cli, bootstrap  what the command does besides running the bot; what puts the pieces together and runs them
    slack, app      what people see and type; use cases and loops: run service, reconciler, scheduler, sweep, gate
    adapters        what we call: Redis, SkyPilot, this machine, files, charts
    core            values and decisions: rules, commands, model
    config          the environment, and what is valid there
    errors
    i18n            every phrase, in the language of its reader

The words are explained in `docs/glossary.md`.
"""

__version__ = "0.1.0"
