package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"example.com/notes/broker"
)

func add(t *testing.T, notes ...note) {
	t.Helper()
	client := NewTestClient(GetAPIToken(t))
	for _, wanted := range notes {
		var added note
		if status := client.Post(t, GetBaseURL(t)+"/api/notes", wanted, &added); status != http.StatusCreated || added != wanted {
			t.Fatalf("got %d %+v, want 201 %+v", status, added, wanted)
		}
	}
}

// Each of these begins with an empty file, whatever the tests before it wrote on this worker, and those beside it on the others.

func TestAddsNotes(t *testing.T) {
	author := broker.Acquire[string](t, "accounts")
	wanted := []note{{author, "buy ink"}, {author, "buy paper"}}
	add(t, wanted...)
	var notes []note
	NewTestClient(GetAPIToken(t)).Get(t, GetBaseURL(t)+"/api/notes", &notes)
	if !reflect.DeepEqual(notes, wanted) {
		t.Errorf("got %+v, want %+v", notes, wanted)
	}
}

func TestKeepsNotesInItsFile(t *testing.T) {
	wanted := []note{{broker.Acquire[string](t, "accounts"), "water the plants"}}
	add(t, wanted...)
	text, err := os.ReadFile(filepath.Join(GetDataDir(t), "notes.json"))
	if err != nil {
		t.Fatal(err)
	}
	var notes []note
	if err := json.Unmarshal(text, &notes); err != nil || !reflect.DeepEqual(notes, wanted) {
		t.Errorf("got %s, want %+v", text, wanted)
	}
}

func TestBeginsEmpty(t *testing.T) {
	var notes []note
	NewTestClient(GetAPIToken(t)).Get(t, GetBaseURL(t)+"/api/notes", &notes)
	if len(notes) != 0 {
		t.Errorf("got %+v, want none", notes)
	}
}
