package e2e

import (
	"net/http"
	"testing"
)

type note struct {
	Author string `json:"author"`
	Text   string `json:"text"`
}

func TestHealthNeedsNoToken(t *testing.T) {
	var health struct{ Status string }
	status := NewTestClient("").Get(t, GetBaseURL(t)+"/health", &health)
	if status != http.StatusOK || health.Status != "ok" {
		t.Errorf("got %d %+v", status, health)
	}
}

func TestRefusesAnotherToken(t *testing.T) {
	var refused struct{ Error string }
	status := NewTestClient("test-token-of-nobody").Get(t, GetBaseURL(t)+"/api/notes", &refused)
	if status != http.StatusUnauthorized {
		t.Errorf("got %d %+v, want 401", status, refused)
	}
}

func TestRefusesANoteWithoutText(t *testing.T) {
	client := NewTestClient(GetAPIToken(t))
	var refused struct{ Error string }
	if status := client.Post(t, GetBaseURL(t)+"/api/notes", note{Author: "ann"}, &refused); status != http.StatusBadRequest {
		t.Errorf("got %d %+v, want 400", status, refused)
	}
}
