package integration

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/lockstep-sync/lockstep/packages/go/internal/servertest"
)

// runLimit ends a program that does not end by itself.
const runLimit = time.Minute

// program is a built take-a-lock, in whatever language.
type program string

// outcome is how a run of it ended.
type outcome struct {
	stdout, stderr string
	exitCode       int
}

func goProgram(t *testing.T) program {
	t.Helper()
	file := filepath.Join(t.TempDir(), "take-a-lock")
	build(t, filepath.Join(servertest.Repository(), "packages", "go"), "go", "build", "-o", file, "./examples/take-a-lock")
	return program(file)
}

func rustProgram(t *testing.T) program {
	t.Helper()
	if _, err := exec.LookPath("cargo"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("cargo is not installed")
		}
		t.Skip("cargo is not installed")
	}
	folder := filepath.Join(servertest.Repository(), "packages", "rust")
	build(t, folder, "cargo", "build", "--quiet", "--locked", "--package", "take-a-lock")
	target := os.Getenv("CARGO_TARGET_DIR")
	if target == "" {
		target = filepath.Join(folder, "target")
	}
	return program(filepath.Join(target, "debug", "take-a-lock"))
}

func build(t *testing.T, folder, tool string, arguments ...string) {
	t.Helper()
	command := exec.Command(tool, arguments...)
	command.Dir = folder
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", command.Args, err, output)
	}
}

// start runs the program; the returned function waits for its end.
func (p program) start(t *testing.T, arguments ...string) func() outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), runLimit)
	t.Cleanup(cancel)
	command := exec.CommandContext(ctx, string(p), arguments...)
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return func() outcome {
		var exit *exec.ExitError
		if err := command.Wait(); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return outcome{stdout.String(), stderr.String(), command.ProcessState.ExitCode()}
	}
}

var goodOutput = regexp.MustCompile(`^.+/EXCLUSIVE/([1-9][0-9]*)\nCURRENT\nSTALE\n$`)

// token expects a run that took a lock, and returns its fencing token.
func (o outcome) token(t *testing.T) uint64 {
	t.Helper()
	match := goodOutput.FindStringSubmatch(o.stdout)
	if o.exitCode != 0 || match == nil {
		t.Fatalf("exit code %d\n%s%s", o.exitCode, o.stdout, o.stderr)
	}
	token, err := strconv.ParseUint(match[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return token
}
