"""`faultwire config` and `faultwire policy`: the sample files, and whether one's own is right."""

from pathlib import Path

import click

_FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group("config")
def config() -> None:
    """Print the sample configuration, or check a configuration file."""


@config.command("sample")
def config_sample() -> None:
    """Print every option with its default and what it means."""
    from faultwire.config import sample

    click.echo(sample.configuration(), nl=False)


@config.command("check")
@_FILE
def config_check(file: Path) -> None:
    """Read FILE as `faultwire serve --config FILE` would; start nothing.

    The environment counts, as at a start. Exit status 1 names the wrong option.
    """
    from faultwire.config import configuration
    from faultwire.domain.errors import FaultwireError
    from faultwire.policy.enforcer import PolicyEnforcer, read_overrides

    try:
        settings = configuration.read(file)
        if settings.policy.policy_file:
            PolicyEnforcer(overrides=read_overrides(Path(settings.policy.policy_file)))
    except FaultwireError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{file}: right")


@click.group("policy")
def policy() -> None:
    """Print the sample policy, or check a policy file."""


@policy.command("sample")
def policy_sample() -> None:
    """Print every rule with its default and the calls that ask it."""
    from faultwire.config import sample

    click.echo(sample.policy(), nl=False)


@policy.command("check")
@_FILE
def policy_check(file: Path) -> None:
    """Read FILE as `[policy] policy_file`; exit status 1 names the wrong rule."""
    from faultwire.domain.errors import FaultwireError
    from faultwire.policy.enforcer import PolicyEnforcer, read_overrides

    try:
        PolicyEnforcer(overrides=read_overrides(file))
    except FaultwireError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{file}: right")
