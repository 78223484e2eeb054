package broker

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"os"
)

// process tells this process from all others.
var process = newNonce()

// hello opens the session. Where the broker has a secret, both sides prove that they know it, the broker first: a program that only took
// the pipe's name learns nothing.
func (c *Client) hello(name, secret string) error {
	nonce := newNonce()
	var reply struct {
		Auth *struct{ Nonce, Proof string }
	}
	if err := c.request("hello", members{"protocol": 1, "pid": os.Getpid(), "process": process, "name": name, "nonce": nonce}, &reply); err != nil {
		return err
	}
	if reply.Auth == nil {
		return nil
	}
	proof := func(of string) string {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte("ephemeral-broker/1 " + of + " " + nonce + " " + reply.Auth.Nonce))
		return hex.EncodeToString(mac.Sum(nil))
	}
	if secret == "" {
		return &Error{"auth_failed", "auth_failed: the broker asks for a secret; EPHEMERAL_SECRET is not set"}
	}
	if !hmac.Equal([]byte(proof("broker")), []byte(reply.Auth.Proof)) {
		return &Error{"auth_failed", "auth_failed: the broker has another secret"}
	}
	return c.request("auth", members{"proof": proof("client")}, nil)
}

func newNonce() string {
	bytes := make([]byte, 16)
	if _, err := rand.Read(bytes); err != nil {
		panic(err) // The system has no randomness to give.
	}
	return hex.EncodeToString(bytes)
}
