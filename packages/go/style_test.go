package lockstep

import (
	"os/exec"
	"testing"
)

func TestTheModuleIsFormatted(t *testing.T) {
	files, err := exec.Command("gofmt", "-l", ".").CombinedOutput()
	if err != nil || len(files) > 0 {
		t.Errorf("Run `gofmt -w .` in packages/go (%v). Not formatted:\n%s", err, files)
	}
}

func TestGoVetFindsNothing(t *testing.T) {
	if findings, err := exec.Command("go", "vet", "./...").CombinedOutput(); err != nil {
		t.Errorf("go vet: %v\n%s", err, findings)
	}
}

func TestTheModuleNamesExactlyWhatItUses(t *testing.T) {
	if diff, err := exec.Command("go", "mod", "tidy", "-diff").CombinedOutput(); err != nil {
		t.Errorf("Run `go mod tidy` in packages/go (%v):\n%s", err, diff)
	}
}
