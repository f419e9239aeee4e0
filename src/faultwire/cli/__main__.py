"""`python -m faultwire.cli`: the same command where no script is installed."""

from faultwire.cli.main import main

main(prog_name="faultwire")
