// Package servertest starts the real server for tests.
package servertest

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// Start runs a server on a port of its own with an empty data folder, ends it with the test, and returns
// its HOST:PORT. With LOCKSTEP_TEST_ADDRESS set, that server is used instead.
func Start(t *testing.T) string {
	t.Helper()
	if address := os.Getenv("LOCKSTEP_TEST_ADDRESS"); address != "" {
		return address
	}
	main := filepath.Join(Repository(), "packages", "cli", "dist", "main.js")
	if _, err := os.Stat(main); err != nil {
		t.Fatalf("The server is not built: run `pnpm build` at the root of the repository first (%v)", err)
	}
	server := exec.Command(node(), main, "serve", "--listen", "127.0.0.1:0", "--json", "--log-level", "warn",
		"--data", filepath.Join(t.TempDir(), "data"))
	server.Stderr = os.Stderr
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatalf("The server does not start: %v", err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		_ = server.Wait()
	})
	return readAddress(t, bufio.NewScanner(stdout))
}

// readAddress takes the address from the first line, which comes when the server is ready.
func readAddress(t *testing.T, lines *bufio.Scanner) string {
	t.Helper()
	if !lines.Scan() {
		t.Fatal("The server ended before it was ready: its message is above")
	}
	var ready struct {
		Address string `json:"address"`
	}
	if err := json.Unmarshal(lines.Bytes(), &ready); err != nil || ready.Address == "" {
		t.Fatalf("The server's first line names no address: %s", lines.Text())
	}
	go func() {
		// So that a full pipe never stops it.
		for lines.Scan() {
		}
	}()
	return ready.Address
}

// Repository returns the folder this module is developed in.
func Repository() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..", "..")
}

// node prefers the pinned Node, which is there when that of the machine is too old.
func node() string {
	pinned := filepath.Join(Repository(), ".toolchain", "bin", "node")
	if _, err := os.Stat(pinned); err == nil {
		return pinned
	}
	return "node"
}
