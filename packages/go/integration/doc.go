// Package integration tests the Go programs and stubs against the real server.
package integration
