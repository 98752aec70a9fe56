"""The outside: settings, brokers, processes, the command line. The only package that reads the environment."""
