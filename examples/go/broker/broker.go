// Package broker is a small client of ephemeral-broker, with the standard library alone: values of pools, locks, rates, and what one process makes for all.
// Tests take what they need with [Acquire], [Lock] and [Own], which give it back; for all else they have the [Client] that [For] gives them.
package broker

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
)

// Error is what the broker answered in place of a reply. Code is stable and for programs.
type Error struct {
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Message }

// wait is how long to wait for a turn at most, in milliseconds.
const wait = 60_000

// Client is a session: what it holds is given back when it is closed, or when the process ends, however that happens.
// Goroutines may share it: their requests take turns, and one that waits keeps the others waiting.
type Client struct {
	mutex      sync.Mutex
	connection io.ReadWriteCloser
	lines      *bufio.Reader
	last       int
	// taken has what was taken and, as far as is known here, not released.
	taken map[int64]bool
}

// Held is something that is held until it is released, or its client's session ends.
type Held struct {
	Token int64

	client *Client
}

// Lease is a value that nobody else has until it is released.
type Lease struct {
	Held
	Pool   string
	Number int
	Value  json.RawMessage
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
	client := &Client{connection: connection, lines: bufio.NewReader(connection), taken: map[int64]bool{}}
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
	return c.Describe(test)
}

// Describe says what this session does now, a test's name: others who wait for what it holds are told.
func (c *Client) Describe(text string) error {
	return c.request("describe", members{"text": text}, nil)
}

// Acquire waits for a value of a pool, at most for a minute.
func (c *Client) Acquire(pool string) (*Lease, error) {
	var reply struct{ Leases []*Lease }
	wanted := members{"pools": []members{{"pool": pool}}, "wait": wait}
	if err := c.request("acquire", wanted, &reply); err != nil {
		return nil, err
	}
	lease := reply.Leases[0]
	lease.client = c
	c.take(lease.Token)
	return lease, nil
}

// Lock waits for a lock, at most for a minute, and takes it.
func (c *Client) Lock(name string) (*Held, error) {
	lock := &Held{client: c}
	if err := c.request("lock", members{"name": name, "wait": wait}, lock); err != nil {
		return nil, err
	}
	c.take(lock.Token)
	return lock, nil
}

// Release gives it back. It says whether it was still held.
func (h *Held) Release() (bool, error) {
	h.client.forget(h.Token)
	var reply struct{ Released bool }
	err := h.client.request("release", members{"token": h.Token}, &reply)
	return reply.Released, err
}

// Keep says that it is held on purpose until the session ends, and no leak.
func (h *Held) Keep() error {
	h.client.forget(h.Token)
	return h.client.request("keep", members{"token": h.Token}, nil)
}

// Slot is a number from 1 on that no other process has, for as long as this session lives. Who takes its place has its number.
func (c *Client) Slot() (int, error) {
	var reply struct {
		Value int
		Token int64
	}
	if err := c.request("lease", members{"key": "ephemeral-broker/slots", "workerId": process}, &reply); err != nil {
		return 0, err
	}
	return reply.Value, c.request("keep", members{"token": reply.Token}, nil)
}

// Get reads the value of a key into value.
func (c *Client) Get(key string, value any) error {
	var reply stored
	if err := c.request("get", members{"key": key}, &reply); err != nil {
		return err
	}
	return reply.into(value)
}

// stored is a value as it was set.
type stored struct {
	Value      json.RawMessage
	Compressed bool
}

func (s stored) into(value any) error {
	if s.Compressed {
		return &Error{"invalid_value", "invalid_value: another client compressed it; this one reads values as they are"}
	}
	return json.Unmarshal(s.Value, value)
}

// Once reads the value of a key into value. One process makes it, the others wait for it; when that one fails or dies, the next one makes it.
func (c *Client) Once(key string, value any, make func() (any, error)) error {
	var reply struct {
		stored
		Run   bool
		Token int64
	}
	if err := c.request("once", members{"key": key, "wait": wait}, &reply); err != nil {
		return err
	}
	if !reply.Run {
		return reply.into(value)
	}
	text, err := c.fulfil(reply.Token, make)
	if err != nil {
		// Where the broker has refused the value, or is gone, others have the turn already.
		_ = c.request("fail", members{"token": reply.Token, "reason": err.Error()}, nil)
		return err
	}
	return json.Unmarshal(text, value)
}

// fulfil makes the value that others wait for. It says what that is in JSON.
func (c *Client) fulfil(token int64, make func() (any, error)) ([]byte, error) {
	made, err := make()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(made)
	if err != nil {
		return nil, err
	}
	return text, c.request("fulfil", members{"token": token, "value": json.RawMessage(text)}, nil)
}

// Throttle waits until it is within a rate that was declared, at most for a minute.
func (c *Client) Throttle(name string) error {
	return c.request("throttle", members{"name": name, "wait": wait}, nil)
}

// Barrier waits until so many have come, at most for a minute.
func (c *Client) Barrier(name string, parties int) error {
	return c.request("barrier", members{"name": name, "parties": parties, "wait": wait}, nil)
}

// Leak is something that was not released.
type Leak struct {
	Kind   string
	Name   string
	Number *int
}

func (l Leak) String() string {
	if l.Number == nil {
		return l.Kind + " " + l.Name
	}
	return fmt.Sprintf("%s %d", l.Name, *l.Number)
}

// Leaks gives back what was taken and not released. The broker notes it, with what this session was described as.
func (c *Client) Leaks() ([]Leak, error) {
	c.mutex.Lock()
	taken := c.taken
	c.taken = map[int64]bool{}
	c.mutex.Unlock()
	var leaks []Leak
	for token := range taken {
		var reply struct{ Leak *Leak }
		if err := c.request("leak", members{"token": token}, &reply); err != nil {
			return leaks, err
		}
		if reply.Leak != nil {
			leaks = append(leaks, *reply.Leak)
		}
	}
	return leaks, nil
}

func (c *Client) take(token int64) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.taken[token] = true
}

func (c *Client) forget(token int64) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.taken, token)
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
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.last++
	line := members{"action": action}
	for name, value := range more {
		line[name] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	// The id is first: so the broker finds it in a line that is too large to be read.
	text = append([]byte(fmt.Sprintf(`{"id":%d,`, c.last)), text[1:]...)
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
