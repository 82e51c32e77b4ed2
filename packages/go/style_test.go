package lockstep

import (
	"os/exec"
	"testing"
)

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
