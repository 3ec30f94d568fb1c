"""What a user types after `tcpanalyze`: options -> pipeline -> reports. One module a command."""
