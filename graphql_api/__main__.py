"""``python -m graphql_api`` is the command ``graphql-api``."""

from graphql_api.cli import main

if __name__ == "__main__":
    main()
