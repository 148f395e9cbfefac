// Load client of `make bench`: it writes ready-made HTTP/1.1 requests over a fixed number of connections and notes
// when each was sent and how long its answer took. The standard library alone: nothing is downloaded to build it.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	address     = flag.String("address", "", "host:port to connect to")
	requests    = flag.String("requests", "", "file of requests, each after its length in 4 bytes, big end first")
	answers     = flag.String("answers", "", "file to write the answers' bodies to, framed alike, in the order of requests")
	connections = flag.Int("connections", 1, "connections, each with one request under way at most")
	seconds     = flag.Float64("seconds", 0, "send no request after this long; 0: until all are sent")
	rate        = flag.Float64("rate", 0, "requests a second by the clock, whatever the answers do; 0: as fast as they come")
	each        = flag.Bool("each", false, "every connection sends every request, instead of sharing them")
	repeat      = flag.Bool("repeat", false, "begin again after the last request, until the time is up")
	authority   = flag.String("ca", "", "certificate authority of the server; without it plain TCP")
	certificate = flag.String("cert", "", "client certificate")
	key         = flag.String("key", "", "its key")
)

// exchange is one request and its answer. `due` is when it was to be sent: a late start counts as latency.
type exchange struct {
	index  int
	due    time.Time
	took   time.Duration
	status int
	failed bool
	body   []byte
}

type report struct {
	Seconds  float64     `json:"seconds"`
	Spent    float64     `json:"processor_seconds"`
	Answers  int         `json:"answers"`
	Failures int         `json:"failures"`
	Statuses map[int]int `json:"statuses"`
	Sent     []int64     `json:"sent_ns"`
	Took     []int64     `json:"took_ns"`
}

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "load: error: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	prepared, err := readFrames(*requests)
	if err != nil {
		return err
	}
	if len(prepared) == 0 {
		return fmt.Errorf("%s holds no request", *requests)
	}
	links, err := dialAll()
	if err != nil {
		return err
	}
	started, before := time.Now(), processorSeconds()
	done, err := drive(links, prepared, started)
	if err != nil {
		return err
	}
	total := report{Seconds: time.Since(started).Seconds(), Spent: processorSeconds() - before}
	return finish(total, done)
}

func readFrames(path string) ([][]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var frames [][]byte
	for len(content) > 0 {
		if len(content) < 4 {
			return nil, fmt.Errorf("%s is cut off", path)
		}
		size := int(binary.BigEndian.Uint32(content))
		if len(content) < 4+size {
			return nil, fmt.Errorf("%s is cut off", path)
		}
		frames = append(frames, content[4:4+size])
		content = content[4+size:]
	}
	return frames, nil
}

// dialAll opens all connections and finishes their handshakes before anything is timed.
func dialAll() ([]net.Conn, error) {
	var settings *tls.Config
	if *authority != "" {
		pem, err := os.ReadFile(*authority)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		own, err := tls.LoadX509KeyPair(*certificate, *key)
		if err != nil {
			return nil, err
		}
		settings = &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS13}
	}
	links := make([]net.Conn, *connections)
	for i := range links {
		var err error
		if settings == nil {
			links[i], err = net.Dial("tcp", *address)
		} else {
			links[i], err = tls.Dial("tcp", *address, settings)
		}
		if err != nil {
			return nil, err
		}
	}
	return links, nil
}

func drive(links []net.Conn, prepared [][]byte, started time.Time) ([][]exchange, error) {
	var next atomic.Int64
	results := make([][]exchange, len(links))
	errors := make([]error, len(links))
	var group sync.WaitGroup
	for i := range links {
		group.Add(1)
		go func() {
			defer group.Done()
			var own int64
			take := func() int {
				if *each {
					own++
					return int(own - 1)
				}
				return int(next.Add(1) - 1)
			}
			results[i], errors[i] = converse(links[i], prepared, take, started)
		}()
	}
	group.Wait()
	for _, err := range errors {
		if err != nil {
			return nil, err
		}
	}
	return results, nil
}

func converse(link net.Conn, prepared [][]byte, take func() int, started time.Time) ([]exchange, error) {
	defer link.Close()
	reader := bufio.NewReaderSize(link, 1<<16)
	var done []exchange
	for {
		index := take()
		if index >= len(prepared) && !*repeat {
			return done, nil
		}
		due := time.Now()
		if *rate > 0 {
			due = started.Add(time.Duration(float64(index) / *rate * float64(time.Second)))
		}
		if *seconds > 0 && due.Sub(started).Seconds() >= *seconds {
			return done, nil
		}
		time.Sleep(time.Until(due))
		one, err := exchangeOne(link, reader, prepared[index%len(prepared)])
		if err != nil {
			return nil, fmt.Errorf("request %d: %w", index, err)
		}
		one.index, one.due, one.took = index, due, time.Since(due)
		done = append(done, one)
	}
}

func exchangeOne(link net.Conn, reader *bufio.Reader, request []byte) (exchange, error) {
	if _, err := link.Write(request); err != nil {
		return exchange{}, err
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return exchange{}, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return exchange{}, err
	}
	response.Body.Close()
	failed := response.StatusCode != http.StatusOK || bytes.Contains(body, []byte(`"error":`))
	if *answers == "" {
		body = nil
	}
	return exchange{status: response.StatusCode, failed: failed, body: body}, nil
}

func processorSeconds() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
}

func finish(total report, done [][]exchange) error {
	total.Statuses = map[int]int{}
	bodies := map[int][]byte{}
	for _, ofOne := range done {
		for _, one := range ofOne {
			total.Answers++
			total.Statuses[one.status]++
			if one.failed {
				total.Failures++
			}
			total.Sent = append(total.Sent, one.due.UnixNano())
			total.Took = append(total.Took, one.took.Nanoseconds())
			bodies[one.index] = one.body
		}
	}
	if *answers != "" {
		if err := writeFrames(*answers, bodies); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(total)
}

func writeFrames(path string, bodies map[int][]byte) error {
	var content bytes.Buffer
	for index := 0; index < len(bodies); index++ {
		var size [4]byte
		binary.BigEndian.PutUint32(size[:], uint32(len(bodies[index])))
		content.Write(size[:])
		content.Write(bodies[index])
	}
	return os.WriteFile(path, content.Bytes(), 0o600)
}
