"""``python -m imgcollapse``."""

from imgcollapse.cli import main

main()
