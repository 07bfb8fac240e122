module example.com/protocol-server

go 1.26
