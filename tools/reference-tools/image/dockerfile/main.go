// Reads a Dockerfile with BuildKit's own parser and linter, as `docker build` would, and prints what it says as JSON.
//
//	dockerfile DOCKERFILE IGNOREFILE PATH...
//
// Of the paths, those come back that the ignore file keeps out of the build context.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

type instruction struct {
	Name string `json:"name"`
	Text string `json:"text"`
	// Of COPY and ADD.
	From    string   `json:"from,omitempty"`
	Sources []string `json:"sources,omitempty"`
	Target  string   `json:"target,omitempty"`
	// Of ENTRYPOINT, CMD and RUN.
	Words []string `json:"words,omitempty"`
	Shell bool     `json:"shell,omitempty"`
	// Of LABEL, ENV and ARG.
	Pairs map[string]string `json:"pairs,omitempty"`
}

type stage struct {
	Name         string        `json:"name"`
	Base         string        `json:"base"`
	Platform     string        `json:"platform,omitempty"`
	Instructions []instruction `json:"instructions"`
}

type report struct {
	Warnings  []string          `json:"warnings"`
	Arguments map[string]string `json:"arguments"`
	Stages    []stage           `json:"stages"`
	Ignored   []string          `json:"ignored"`
}

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(dockerfile, ignoreFile string, paths []string) error {
	out := report{Warnings: []string{}, Arguments: map[string]string{}, Ignored: []string{}}
	text, err := os.ReadFile(dockerfile)
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return err
	}
	for _, warning := range parsed.Warnings {
		out.Warnings = append(out.Warnings, warning.Short)
	}
	lint := linter.New(&linter.Config{
		Warn: func(rule, _, _, message string, _ []parser.Range) {
			out.Warnings = append(out.Warnings, rule+": "+message)
		},
	})
	stages, arguments, err := instructions.Parse(parsed.AST, lint)
	if err != nil {
		return err
	}
	for _, command := range arguments {
		for name, value := range pairsOf(command.Args) {
			out.Arguments[name] = value
		}
	}
	for _, one := range stages {
		found := stage{Name: one.Name, Base: one.BaseName, Platform: one.Platform, Instructions: []instruction{}}
		for _, command := range one.Commands {
			found.Instructions = append(found.Instructions, describe(command))
		}
		out.Stages = append(out.Stages, found)
	}
	if out.Ignored, err = ignored(ignoreFile, paths); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

func describe(command instructions.Command) instruction {
	out := instruction{Name: strings.ToUpper(command.Name())}
	if text, ok := command.(fmt.Stringer); ok {
		out.Text = text.String()
	}
	switch c := command.(type) {
	case *instructions.CopyCommand:
		out.From, out.Sources, out.Target = c.From, c.SourcePaths, c.DestPath
	case *instructions.AddCommand:
		out.Sources, out.Target = c.SourcePaths, c.DestPath
	case *instructions.EntrypointCommand:
		out.Words, out.Shell = c.CmdLine, c.PrependShell
	case *instructions.CmdCommand:
		out.Words, out.Shell = c.CmdLine, c.PrependShell
	case *instructions.RunCommand:
		out.Words, out.Shell = c.CmdLine, c.PrependShell
	case *instructions.UserCommand:
		out.Words = []string{c.User}
	case *instructions.WorkdirCommand:
		out.Words = []string{c.Path}
	case *instructions.LabelCommand:
		out.Pairs = map[string]string{}
		for _, pair := range c.Labels {
			out.Pairs[pair.Key] = strings.Trim(pair.Value, `"`)
		}
	case *instructions.EnvCommand:
		out.Pairs = map[string]string{}
		for _, pair := range c.Env {
			out.Pairs[pair.Key] = pair.Value
		}
	case *instructions.ArgCommand:
		out.Pairs = pairsOf(c.Args)
	}
	return out
}

func pairsOf(arguments []instructions.KeyValuePairOptional) map[string]string {
	out := map[string]string{}
	for _, argument := range arguments {
		out[argument.Key] = argument.ValueString()
	}
	return out
}

func ignored(ignoreFile string, paths []string) ([]string, error) {
	file, err := os.Open(ignoreFile)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		return nil, err
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, path := range paths {
		matches, err := matcher.MatchesOrParentMatches(path)
		if err != nil {
			return nil, err
		}
		if matches {
			out = append(out, path)
		}
	}
	return out, nil
}
