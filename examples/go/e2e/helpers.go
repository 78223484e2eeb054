// Package e2e tests the server that the run started for this worker.
package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"testing"
)

// GetBaseURL returns TEST_BASE_URL, where the worker's server is, or fails the test.
func GetBaseURL(t *testing.T) string { return required(t, "TEST_BASE_URL") }

// GetDataDir returns DATA_DIR, the worker's directory, or fails the test.
func GetDataDir(t *testing.T) string { return required(t, "DATA_DIR") }

// GetAPIToken returns API_TOKEN, which the worker's server asks for, or fails the test.
func GetAPIToken(t *testing.T) string { return required(t, "API_TOKEN") }

func required(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: run the tests with ephemeral-broker run", name)
	}
	return value
}

// TestClient asks a server, with a token.
type TestClient struct {
	token string
}

// NewTestClient makes a client that shows apiToken.
func NewTestClient(apiToken string) *TestClient { return &TestClient{token: apiToken} }

// Get returns the status, and the answer in answer.
func (c *TestClient) Get(t *testing.T, url string, answer any) int {
	t.Helper()
	return c.do(t, http.MethodGet, url, nil, answer)
}

// Post sends body as JSON; it returns the status, and the answer in answer.
func (c *TestClient) Post(t *testing.T, url string, body, answer any) int {
	t.Helper()
	return c.do(t, http.MethodPost, url, body, answer)
}

func (c *TestClient) do(t *testing.T, method, url string, body, answer any) int {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(method, url, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return response.StatusCode
}
