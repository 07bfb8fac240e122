package main

import (
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func runControllerManager(arguments []string) int {
	command := app.NewControllerManagerCommand()
	command.SetArgs(arguments)
	return cli.Run(command)
}
