package main

import "go.etcd.io/etcd/server/v3/etcdmain"

func runEtcd(arguments []string) int {
	etcdmain.Main(append([]string{"etcd"}, arguments...))
	return 0
}
