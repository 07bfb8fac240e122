// A service that speaks the hikyaku protocol (docs/protocol.md): one file, the standard library only. Copy it, and replace
// `collection` by wherever your secrets are kept.
//
//	HIKYAKU_TOKEN=... go run . --listen 127.0.0.1:8080 --file secrets.json
package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const longestWait = 50 * time.Second

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address; port 0 is any free port")
	file := flag.String("file", "secrets.json", `JSON: {"NAME": "<base64>"}, like the data of a Kubernetes Secret`)
	noticeURL := flag.String("notice-url", "", "where to say that something changed, signed with $NOTICE_SECRET (whsec_...)")
	flag.Parse()

	token := os.Getenv("HIKYAKU_TOKEN")
	if token == "" {
		log.Fatal("set HIKYAKU_TOKEN to a long random text: whoever has it can read and write all secrets")
	}
	secrets, err := openCollection(*file)
	if err != nil {
		log.Fatal(err)
	}
	secrets.noticeURL = *noticeURL
	secrets.noticeKey, err = base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("NOTICE_SECRET"), "whsec_"))
	if *noticeURL != "" && (err != nil || len(secrets.noticeKey) < 24) {
		log.Fatal("set NOTICE_SECRET to whsec_ and the base64 of 24 to 64 random bytes")
	}

	routes := http.NewServeMux()
	routes.HandleFunc("GET /v1", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, map[string]any{"protocol": "hikyaku", "version": 1, "offers": []string{"list", "write", "watch"}})
	})
	routes.HandleFunc("POST /v1/read", post(secrets.read))
	routes.HandleFunc("POST /v1/list", post(secrets.list))
	routes.HandleFunc("POST /v1/write", post(secrets.write))
	routes.HandleFunc("POST /v1/watch", post(secrets.watch))
	routes.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 404, failure("NOT_FOUND", "there is nothing at this address"))
	})
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	// Idle for longer than a refresh, so that one connection serves them all.
	server := http.Server{Handler: onlyWith(token, routes), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	log.Fatal(server.Serve(listener)) // or ServeTLS: hikyaku wants https, except on a loopback address
}

// onlyWith refuses everything without the token. The time that the comparison takes says nothing about the token.
func onlyWith(token string, next http.Handler) http.Handler {
	wanted := []byte("Bearer " + token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), wanted) != 1 {
			answer(w, 401, failure("UNAUTHENTICATED", "the token is missing or wrong"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// post decodes the body and sends what `do` makes of it. Fields that are not known are of a later time, and are skipped.
func post[Request any](do func(context.Context, Request) (document any, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var asked Request
		if json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<20)).Decode(&asked) != nil { // the error may quote a value
			answer(w, 400, failure("INVALID_CONFIG", "the body is not a request of the protocol, or is too large"))
			return
		}
		document, err := do(r.Context(), asked)
		if err != nil {
			log.Print(err)
			answer(w, 503, failure("UNAVAILABLE", "it cannot be done now; the log says why"))
			return
		}
		answer(w, 200, document)
	}
}

// answer sends a document with its length, so that a part of it cannot be taken for all.
func answer(w http.ResponseWriter, status int, document any) {
	body, err := json.Marshal(document)
	if err != nil {
		panic(err) // no document of ours fails
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}

type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"` // for people with curl; never a value in it
}

func failure(code, message string) any { return map[string]problem{"error": {code, message}} }

// collection keeps the secrets in memory and in a file. One counter gives revisions and versions; it begins with the time,
// so that no version ever stands for two values, not even after a restart.
type collection struct {
	file, noticeURL string
	noticeKey       []byte
	mu              sync.Mutex // for all below
	secrets         map[string]secret
	counter         int64
	changed         chan struct{} // closed at the next change
}

type secret struct {
	value   []byte
	version string
}

// A file that is missing is an error: an empty answer would tell hikyaku that all secrets were removed.
func openCollection(file string) (*collection, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var values map[string][]byte // encoding/json reads and writes []byte as base64
	if json.Unmarshal(text, &values) != nil || values == nil {
		return nil, errors.New(file + ` is not like {"NAME": "<base64>"}`)
	}
	c := &collection{file: file, secrets: map[string]secret{}, counter: time.Now().UnixNano(), changed: make(chan struct{})}
	for name, value := range values {
		if value == nil || name == "" {
			return nil, errors.New(file + " has a value without a name, or a name without a value")
		}
		c.secrets[name] = secret{value, c.revision()}
	}
	return c, nil
}

func (c *collection) revision() string { return strconv.FormatInt(c.counter, 10) }

// item is one secret of an answer; without a value in those of list.
type item struct {
	Name    string  `json:"name"`
	Version string  `json:"version,omitempty"`
	Value   *[]byte `json:"valueBase64,omitempty"`
}

// encoding/json finds the fields of a request whatever their case is.
func (c *collection) read(_ context.Context, asked struct {
	All      bool
	Refs     []struct{ Name, Version string }
	Revision string
}) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if asked.Revision == c.revision() {
		return map[string]any{"unchanged": true, "revision": asked.Revision}, nil
	}
	wanted := map[string]bool{}
	for _, ref := range asked.Refs {
		wanted[ref.Name] = wanted[ref.Name] || ref.Version == ""
	}
	found := []item{} // as JSON an empty list, not null
	for name, one := range c.secrets {
		if asked.All || wanted[name] {
			found = append(found, item{name, one.version, &one.value})
		}
	}
	// `complete` is never false: what cannot be said as a whole is an error. There is no `pins`: this service keeps no old
	// versions, and says so by leaving it out.
	return map[string]any{"complete": true, "revision": c.revision(), "secrets": found}, nil
}

func (c *collection) list(context.Context, struct{}) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := []item{}
	for name, one := range c.secrets {
		found = append(found, item{Name: name, Version: one.version})
	}
	return map[string]any{"complete": true, "secrets": found}, nil
}

type change struct {
	Name      string
	Value     []byte `json:"valueBase64"` // nil: absent
	Remove    bool
	IfVersion json.RawMessage // nil: absent; null: the secret must not exist
}

type result struct {
	Name    string   `json:"name"`
	Version string   `json:"version,omitempty"`
	Error   *problem `json:"error,omitempty"`
}

func (c *collection) write(_ context.Context, asked struct{ Changes []change }) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	secrets, counter, results := maps.Clone(c.secrets), c.counter, []result{}
	for _, one := range asked.Changes {
		done := apply(secrets, one, strconv.FormatInt(counter+1, 10))
		if done.Error == nil {
			counter++
		}
		results = append(results, done)
	}
	if counter > c.counter {
		// Saved before it is answered: no result says «written» of what a restart would undo.
		if err := save(c.file, secrets); err != nil {
			return nil, err
		}
		c.secrets, c.counter = secrets, counter
		close(c.changed) // wakes all who watch
		c.changed = make(chan struct{})
		go c.notify()
	}
	return map[string]any{"results": results}, nil
}

func apply(secrets map[string]secret, one change, version string) result {
	now, exists := secrets[one.Name]
	if one.Name == "" || (one.Value == nil) != one.Remove {
		return result{Name: one.Name, Error: &problem{"INVALID_CONFIG", "a change has a name, and a value or remove"}}
	}
	var wanted *string // nil: it must not exist
	if one.IfVersion != nil && (json.Unmarshal(one.IfVersion, &wanted) != nil ||
		(wanted != nil) != exists || exists && *wanted != now.version) {
		return result{Name: one.Name, Error: &problem{"CONFLICT", "it has another version now"}}
	}
	if one.Remove {
		delete(secrets, one.Name) // no error when it is not there: it is gone, as was asked
		return result{Name: one.Name}
	}
	secrets[one.Name] = secret{one.Value, version}
	return result{Name: one.Name, Version: version}
}

// save replaces the file in one step. A file that was half written before a power cut is an error at the next start, not empty.
func save(file string, secrets map[string]secret) error {
	values := map[string][]byte{}
	for name, one := range secrets {
		values[name] = one.value
	}
	text, err := json.MarshalIndent(values, "", "  ")
	if err == nil {
		err = os.WriteFile(file+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(file+".new", file)
	}
	return err
}

func (c *collection) watch(ctx context.Context, asked struct {
	Revision    string
	WaitSeconds float64
}) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, min(time.Duration(asked.WaitSeconds*float64(time.Second)), longestWait))
	defer cancel()
	for {
		c.mu.Lock()
		revision, changed := c.revision(), c.changed
		c.mu.Unlock()
		if revision != asked.Revision || ctx.Err() != nil {
			return map[string]string{"revision": revision}, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// notify says that something changed, signed as Standard Webhooks have it; no names and no values. It is sent once: one that is
// lost costs time only, because the agent also reads by itself.
func (c *collection) notify() {
	if c.noticeURL == "" {
		return
	}
	now := time.Now()
	id, timestamp := "msg_"+rand.Text(), strconv.FormatInt(now.Unix(), 10)
	body := `{"type":"secrets.changed","timestamp":"` + now.UTC().Format(time.RFC3339) + `"}`
	mac := hmac.New(sha256.New, c.noticeKey)
	mac.Write([]byte(id + "." + timestamp + "." + body))
	signature := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	request, err := http.NewRequest("POST", c.noticeURL, strings.NewReader(body))
	if err == nil {
		request.Header = http.Header{"Content-Type": {"application/json"},
			"Webhook-Id": {id}, "Webhook-Timestamp": {timestamp}, "Webhook-Signature": {signature}}
		var response *http.Response
		if response, err = (&http.Client{Timeout: 10 * time.Second}).Do(request); err == nil {
			response.Body.Close()
		}
	}
	if err != nil {
		log.Print("the notice was not sent: ", err)
	}
}
