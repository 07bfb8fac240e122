// Command devcluster is etcd, the Kubernetes API server and the controller manager in one binary, for development and tests.
package main

import (
	"fmt"
	"os"
)

// Every component takes the arguments of the upstream program of the same name, so that released binaries can stand in for this one.
var components = map[string]func(arguments []string) int{
	"etcd":                    runEtcd,
	"kube-apiserver":          runAPIServer,
	"kube-controller-manager": runControllerManager,
}

func main() {
	if len(os.Args) < 2 || components[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: devcluster etcd|kube-apiserver|kube-controller-manager [arguments of that program]")
		os.Exit(2)
	}
	endWithParent()
	os.Exit(components[os.Args[1]](os.Args[2:]))
}
