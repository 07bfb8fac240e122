// Checks a CycloneDX document with the schema that its project publishes:
//
//	sbom FILE
//
// The schema is read from the module that carries it, so the program has to be started in the folder of this module.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	_ "github.com/CycloneDX/cyclonedx-go"
	"github.com/xeipuuv/gojsonschema"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(file string) error {
	document, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	folder, err := exec.Command("go", "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		return err
	}
	schema := func(name string) gojsonschema.JSONLoader {
		return gojsonschema.NewReferenceLoader("file://" + filepath.ToSlash(filepath.Join(strings.TrimSpace(string(folder)), "schema", name)))
	}
	// Else it would be asked for over the network.
	loader := gojsonschema.NewSchemaLoader()
	if err := loader.AddSchema("http://cyclonedx.org/schema/spdx.schema.json", schema("spdx.schema.json")); err != nil {
		return err
	}
	if err := loader.AddSchema("http://cyclonedx.org/schema/jsf-0.82.schema.json", schema("jsf-0.82.schemax.json")); err != nil {
		return err
	}
	compiled, err := loader.Compile(schema("bom-1.6.schema.json"))
	if err != nil {
		return err
	}
	result, err := compiled.Validate(gojsonschema.NewBytesLoader(document))
	if err != nil {
		return err
	}
	if result.Valid() {
		return nil
	}
	lines := []string{}
	for _, problem := range result.Errors() {
		lines = append(lines, problem.String())
	}
	return fmt.Errorf("%s", strings.Join(lines, "\n"))
}
