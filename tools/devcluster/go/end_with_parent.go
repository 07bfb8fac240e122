package main

import (
	"io"
	"os"
)

// endWithParent ends this process when the parent's end of standard input closes. That happens however the parent dies, SIGKILL
// included, and on every operating system; a parent-death signal exists on Linux only and follows the parent's thread, not its process.
// Nobody waits for an orderly end then, and etcd's data bears a sudden one.
func endWithParent() {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
}
