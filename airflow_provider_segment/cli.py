"""The commands of ``airflow segment``, for Airflow 3. Imported for every ``airflow`` call."""

from __future__ import annotations

from typing import Any, cast

from airflow_provider_segment.commands import COMMANDS, HELP, NAME


def get_commands() -> list[Any]:
    """The group of commands, as Airflow takes it."""
    from airflow.cli import cli_config

    group, action, arg = cli_config.GroupCommand, cli_config.ActionCommand, cast("Any", cli_config.Arg)

    return [
        group(
            name=NAME,
            help=HELP,
            subcommands=[
                action(
                    name=command.name,
                    help=command.help,
                    description=command.description,
                    func=command,
                    args=[
                        arg(flag.names, help=flag.help.replace("%", "%%"), **flag.more)
                        for flag in command.flags()
                    ],
                )
                for command in COMMANDS
            ],
        )
    ]
