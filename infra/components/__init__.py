"""One component and its arguments per file. A component reads no settings and no stack configuration."""
