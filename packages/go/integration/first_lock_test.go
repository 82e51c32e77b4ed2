package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/lockstep-sync/lockstep/packages/go/internal/servertest"
)

var firstLockOutput = regexp.MustCompile(`^orders/42/EXCLUSIVE/[1-9][0-9]*\nFENCE_STATUS_CURRENT\nRELEASE_OUTCOME_RELEASED\n$`)

// The program is printed in README.md; it takes its server from the environment.
func TestTheFirstLockOfTheReadmeIsTakenAndReleased(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "first-lock")
	build(t, filepath.Join(servertest.Repository(), "packages", "go"), "go", "build", "-o", file, "./examples/first-lock")
	command := exec.CommandContext(t.Context(), file)
	command.Env = append(os.Environ(), "LOCKSTEP_ADDRESS="+servertest.Start(t))
	output, err := command.CombinedOutput()
	if err != nil || !firstLockOutput.Match(output) {
		t.Errorf("%v\n%s", err, output)
	}
}
