from scripts.tools.command import cli

if __name__ == "__main__":
    cli(prog_name="larets tools")
