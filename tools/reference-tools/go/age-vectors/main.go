// age-vectors writes the published test vectors of the age format into a folder, a file each.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	agetest "c2sp.org/CCTV/age"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: age-vectors FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(folder string) error {
	return fs.WalkDir(agetest.Vectors, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(agetest.Vectors, path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(folder, filepath.Base(path)), content, 0o600)
	})
}
