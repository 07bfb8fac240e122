package main

import (
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func runAPIServer(arguments []string) int {
	command := app.NewAPIServerCommand()
	command.SetArgs(arguments)
	return cli.Run(command)
}
