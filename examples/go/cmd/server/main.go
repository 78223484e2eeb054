// The server under test: notes, kept in a file of DATA_DIR.
package main

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"sync"
)

// Note is what somebody wrote down.
type Note struct {
	Author string `json:"author"`
	Text   string `json:"text"`
}

// store is read anew for each request, so that whoever puts the file back needs no restart.
type store struct {
	mutex sync.Mutex
	file  string
}

func (s *store) notes() ([]Note, error) {
	text, err := os.ReadFile(s.file)
	if errors.Is(err, os.ErrNotExist) {
		return []Note{}, nil
	}
	if err != nil {
		return nil, err
	}
	notes := []Note{}
	return notes, json.Unmarshal(text, &notes)
}

func (s *store) add(note Note) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	notes, err := s.notes()
	if err != nil {
		return err
	}
	text, err := json.Marshal(append(notes, note))
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.file+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(s.file+".new", s.file)
}

func (s *store) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	log.Printf("%s %s", request.Method, request.URL.Path)
	switch request.Method {
	case http.MethodGet:
		notes, err := s.notes()
		if err != nil {
			fail(response, err)
			return
		}
		answer(response, http.StatusOK, notes)
	case http.MethodPost:
		var note Note
		if err := json.NewDecoder(request.Body).Decode(&note); err != nil || note.Author == "" || note.Text == "" {
			answer(response, http.StatusBadRequest, map[string]string{"error": "author and text are wanted"})
			return
		}
		if err := s.add(note); err != nil {
			fail(response, err)
			return
		}
		answer(response, http.StatusCreated, note)
	default:
		answer(response, http.StatusMethodNotAllowed, map[string]string{"error": "GET and POST are allowed"})
	}
}

func answer(response http.ResponseWriter, status int, value any) {
	response.Header().Set("Content-Type", "application/json")
	response.WriteHeader(status)
	if err := json.NewEncoder(response).Encode(value); err != nil {
		log.Print(err)
	}
}

func fail(response http.ResponseWriter, err error) {
	log.Print(err)
	answer(response, http.StatusInternalServerError, map[string]string{"error": "internal error"})
}

// only lets those in who know the token.
func only(token string, next http.Handler) http.Handler {
	wanted := []byte("Bearer " + token)
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if subtle.ConstantTimeCompare([]byte(request.Header.Get("Authorization")), wanted) != 1 {
			answer(response, http.StatusUnauthorized, map[string]string{"error": "the token is missing or wrong"})
			return
		}
		next.ServeHTTP(response, request)
	})
}

func required(name string) string {
	value := os.Getenv(name)
	if value == "" {
		log.Fatalf("%s is not set", name)
	}
	return value
}

func main() {
	notes := &store{file: filepath.Join(required("DATA_DIR"), "notes.json")}
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(response http.ResponseWriter, _ *http.Request) {
		answer(response, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.Handle("/api/notes", only(required("API_TOKEN"), notes))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+required("PORT"), mux))
}
