"""The client starts quickly: nothing large is imported early."""

import subprocess
import sys


def test_a_help_page_waits_for_no_openstack_library() -> None:
    """A command that speaks to no server imports none of them."""
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from faultwire.cli.main import main\n"
        "result = CliRunner().invoke(main, ['user', 'create', '--help'])\n"
        "assert result.exit_code == 0, result.output\n"
        "late = {'openstack', 'keystoneauth1', 'requests', 'rich', 'fastapi', 'sqlalchemy'}\n"
        "print(*sorted(late & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
