// A current NATS server with JetStream, built from its module. It takes the path of a configuration file.
package main

import (
	"fmt"
	"os"

	"github.com/nats-io/nats-server/v2/server"
)

func main() {
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: nats CONFIGURATION | nats --version")
	}
	if args[0] == "--version" {
		fmt.Println("nats-server", server.VERSION)
		return nil
	}
	options, err := server.ProcessConfigFile(args[0])
	if err != nil {
		return err
	}
	nats, err := server.NewServer(options)
	if err != nil {
		return err
	}
	if err := server.Run(nats); err != nil {
		return err
	}
	nats.WaitForShutdown()
	return nil
}
