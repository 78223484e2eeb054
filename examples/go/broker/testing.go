package broker

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// sessions are those of the tests that run, by the test. Tests may run side by side, and each has a name.
var sessions = struct {
	sync.Mutex
	of map[testing.TB]*Client
}{of: map[testing.TB]*Client{}}

// For is the test's own client. What the test does not release itself is given back after its cleanups, and named as a leak, or fails the test, as the
// broker's host was told.
func For(t testing.TB) *Client {
	t.Helper()
	sessions.Lock()
	defer sessions.Unlock()
	if client := sessions.of[t]; client != nil {
		return client
	}
	client := connect(t)
	sessions.of[t] = client
	t.Cleanup(func() {
		sessions.Lock()
		delete(sessions.of, t)
		sessions.Unlock()
		leaks, err := client.Leaks()
		if err != nil {
			t.Errorf("the broker was lost: %v", err)
		} else if len(leaks) > 0 && os.Getenv("EPHEMERAL_LEAKS") == "fail" {
			t.Errorf("not released: %v. Release it in the test, or take it with broker.Acquire or broker.Lock", leaks)
		}
		client.Close()
	})
	if err := client.Describe(cut(t.Name())); err != nil {
		t.Fatal(err)
	}
	return client
}

// Acquire borrows a value of a pool until the test is over. Nobody else has it meanwhile.
func Acquire[Value any](t testing.TB, pool string) Value {
	t.Helper()
	lease, err := For(t).Acquire(pool)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { giveBack(t, &lease.Held, fmt.Sprintf("%s %d", pool, lease.Number)) })
	return decoded[Value](t, lease)
}

// Lock holds a lock until the test is over.
func Lock(t testing.TB, name string) {
	t.Helper()
	lock, err := For(t).Lock(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { giveBack(t, lock, "lock "+name) })
}

// giveBack fails a test that did not have, up to its end, what it believed to have.
func giveBack(t testing.TB, held *Held, what string) {
	t.Helper()
	if was, err := held.Release(); err != nil {
		t.Errorf("%s was lost: %v", what, err)
	} else if !was {
		t.Errorf("%s was lost before the test was over", what)
	}
}

// own is what this process has until it ends. Its mutex is held while something is taken: the others who ask wait for the same.
var own struct {
	sync.Mutex
	client *Client
	leases map[string]*Lease
	slot   int
}

// Own is this process's own value of a pool: the same in all of its tests, until it ends.
func Own[Value any](t testing.TB, pool string) Value {
	t.Helper()
	own.Lock()
	defer own.Unlock()
	if own.leases[pool] == nil {
		lease, err := ownClient(t).Acquire(pool)
		if err == nil {
			err = lease.Keep()
		}
		if err != nil {
			t.Fatal(err)
		}
		own.leases[pool] = lease
	}
	return decoded[Value](t, own.leases[pool])
}

// Slot is this process's number, from 1 on: no two processes have the same at a time, and one that takes another's place has its number.
func Slot(t testing.TB) int {
	t.Helper()
	own.Lock()
	defer own.Unlock()
	if own.slot == 0 {
		slot, err := ownClient(t).Slot()
		if err != nil {
			t.Fatal(err)
		}
		own.slot = slot
	}
	return own.slot
}

func ownClient(t testing.TB) *Client {
	t.Helper()
	if own.client == nil {
		own.client = connect(t)
		own.leases = map[string]*Lease{}
	}
	return own.client
}

// connect opens a session that is named after the package under test: go test names its program so.
func connect(t testing.TB) *Client {
	t.Helper()
	if os.Getenv("EPHEMERAL_PIPE") == "" {
		t.Fatal("this test finds no broker, because EPHEMERAL_PIPE is not set: run the tests with 'npx ephemeral-broker start -- go test ./...'")
	}
	program := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	client, err := Connect("go-" + strings.TrimSuffix(program, ".test"))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func decoded[Value any](t testing.TB, lease *Lease) Value {
	t.Helper()
	var value Value
	if err := json.Unmarshal(lease.Value, &value); err != nil {
		t.Fatalf("the value of %s %d: %v", lease.Pool, lease.Number, err)
	}
	return value
}

// cut leaves as much of a text as a session may be described with.
func cut(text string) string {
	const most = 1024
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}
