"""`python -m whet` is the `whet` command."""

import sys

from whet.cli.main import main

sys.exit(main())
