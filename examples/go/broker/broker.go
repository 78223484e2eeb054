// Package broker is a small client of ephemeral-broker, with the standard library alone: it borrows values of pools, and gives them back.
package broker

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
)

// Error is what the broker answered in place of a reply. Code is stable and for programs.
type Error struct {
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Message }

// Client is a session: what it holds is given back when it is closed, or when the process ends, however that happens.
// It is for one goroutine.
type Client struct {
	connection io.ReadWriteCloser
	lines      *bufio.Reader
	last       int
}

// Lease is a value that nobody else has until it is released.
type Lease struct {
	Pool   string          `json:"pool"`
	Number int             `json:"number"`
	Value  json.RawMessage `json:"value"`
	Token  int64           `json:"token"`

	client *Client
}

// Connect opens a session with the broker that EPHEMERAL_PIPE names. Others who wait for what it holds are told its name and the test.
func Connect(name string) (*Client, error) {
	pipe := os.Getenv("EPHEMERAL_PIPE")
	if pipe == "" {
		return nil, &Error{"no_pipe", "no_pipe: EPHEMERAL_PIPE is not set; was the broker started?"}
	}
	connection, err := dial(pipe)
	if err != nil {
		return nil, fmt.Errorf("broker_unreachable: %w", err)
	}
	client := &Client{connection: connection, lines: bufio.NewReader(connection)}
	if err := client.open(name); err != nil {
		connection.Close()
		return nil, err
	}
	return client, nil
}

// dial opens the socket, or on Windows the named pipe, which opens like a file.
func dial(pipe string) (io.ReadWriteCloser, error) {
	if runtime.GOOS == "windows" {
		return os.OpenFile(pipe, os.O_RDWR, 0)
	}
	return net.Dial("unix", pipe)
}

func (c *Client) open(name string) error {
	if err := c.hello(name, os.Getenv("EPHEMERAL_SECRET")); err != nil {
		return err
	}
	test := os.Getenv("EPHEMERAL_TEST")
	if test == "" {
		return nil
	}
	return c.request("describe", members{"text": test}, nil)
}

// Acquire waits for a value of a pool, at most for a minute.
func (c *Client) Acquire(pool string) (*Lease, error) {
	var reply struct{ Leases []*Lease }
	wanted := members{"pools": []members{{"pool": pool}}, "wait": 60_000}
	if err := c.request("acquire", wanted, &reply); err != nil {
		return nil, err
	}
	lease := reply.Leases[0]
	lease.client = c
	return lease, nil
}

// Release gives the value back. It says whether it was still held.
func (l *Lease) Release() (bool, error) {
	var reply struct{ Released bool }
	err := l.client.request("release", members{"token": l.Token}, &reply)
	return reply.Released, err
}

// Close gives back all that is held, and disconnects.
func (c *Client) Close() error {
	if err := c.request("bye", nil, nil); err != nil {
		c.connection.Close()
		return err
	}
	return c.connection.Close()
}

type members map[string]any

// request sends one line and reads its reply into reply, where that is not nil.
func (c *Client) request(action string, more members, reply any) error {
	c.last++
	line := members{"id": c.last, "action": action}
	for name, value := range more {
		line[name] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	if _, err := c.connection.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("connection_closed: %s: %w", action, err)
	}
	return c.read(action, reply)
}

// read takes the next line that is no event. There is one request at a time, so it is the reply.
func (c *Client) read(action string, reply any) error {
	for {
		line, err := c.lines.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("connection_closed: %s: %w", action, err)
		}
		var head struct {
			Event   string
			ID      int
			OK      bool
			Error   string
			Message string
		}
		if err := json.Unmarshal(line, &head); err != nil {
			return fmt.Errorf("protocol_error: %s: %w", action, err)
		}
		switch {
		case head.Event != "":
			continue
		case !head.OK:
			return &Error{head.Error, head.Message}
		case head.ID != c.last:
			return fmt.Errorf("protocol_error: %s: the reply belongs to another request", action)
		case reply == nil:
			return nil
		}
		return json.Unmarshal(line, reply)
	}
}
