// Prometheus' own parts as a receiver of remote write: its protobuf types, its database, its query engine, and its parser of
// what a scrape answers. The suite asks it what it asks Fanal.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"
)

type server struct {
	db     *tsdb.DB
	engine *promql.Engine
	// How many of the next writes are refused as by a receiver that has no time.
	refuse int
}

func main() {
	options := tsdb.DefaultOptions()
	options.OutOfOrderTimeWindow = 0
	db, err := tsdb.Open(os.Args[1], nil, nil, options, nil)
	if err != nil {
		log.Fatal(err)
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute})
	refuse, _ := strconv.Atoi(os.Args[2])
	s := &server{db: db, engine: engine, refuse: refuse}
	http.HandleFunc("/api/v1/write", s.write)
	http.HandleFunc("/api/v1/query", s.query)
	http.HandleFunc("/parse", parse)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}

func (s *server) write(w http.ResponseWriter, r *http.Request) {
	if s.refuse > 0 {
		s.refuse--
		http.Error(w, "no time", http.StatusServiceUnavailable)
		return
	}
	if r.Header.Get("X-Scope-OrgID") != "shop" {
		http.Error(w, "no tenant", http.StatusBadRequest)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		body, err = snappy.Decode(nil, body)
	}
	var request prompb.WriteRequest
	if err == nil {
		err = request.Unmarshal(body)
	}
	appender := s.db.Appender(r.Context())
	var builder labels.ScratchBuilder
	for _, series := range request.Timeseries {
		if err != nil {
			break
		}
		of := series.ToLabels(&builder, nil)
		if !of.IsValid(0) && of.Get("__name__") == "" {
			err = fmt.Errorf("labels %v", of)
		}
		for _, sample := range series.Samples {
			if _, fault := appender.Append(0, of, sample.Timestamp, sample.Value); fault != nil {
				err = fault
			}
		}
	}
	if err != nil {
		_ = appender.Rollback()
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := appender.Commit(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *server) query(w http.ResponseWriter, r *http.Request) {
	query, err := s.engine.NewInstantQuery(context.Background(), s.db, nil, r.FormValue("query"), time.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer query.Close()
	result := query.Exec(r.Context())
	if result.Err != nil {
		http.Error(w, result.Err.Error(), http.StatusUnprocessableEntity)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{"result": result.Value}})
}

// parse counts the series of a scrape and the exemplars in it, or says what is wrong with it.
func parse(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	parser, err := textparse.New(body, r.Header.Get("Content-Type"), "", false, false, labels.NewSymbolTable())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	series, exemplars := 0, 0
	types := map[string]string{}
	for {
		entry, err := parser.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		switch entry {
		case textparse.EntrySeries:
			series++
			var found exemplar.Exemplar
			if parser.Exemplar(&found) && found.Labels.Get("traceID") != "" {
				exemplars++
			}
		case textparse.EntryType:
			name, kind := parser.Type()
			types[string(name)] = string(kind)
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"series": series, "exemplars": exemplars, "types": types})
}
