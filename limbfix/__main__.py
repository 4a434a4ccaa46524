"""`python -m limbfix` is `limbfix`."""

from limbfix.cli import main

if __name__ == "__main__":
    main()
