// receiver KEY CERTIFICATE - Go's net/http, plain and with its own TLS, 1.3 and 1.2; prints the ports.
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

func answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/early" {
		w.Header().Set("Connection", "close")
		w.WriteHeader(413)
		io.WriteString(w, "big")
		return
	}
	body, _ := io.ReadAll(r.Body)
	switch r.URL.Path {
	case "/chunked":
		io.WriteString(w, "one,")
		w.(http.Flusher).Flush()
		io.WriteString(w, "two")
	case "/none":
		w.WriteHeader(204)
	case "/error":
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(503)
		io.WriteString(w, "later")
	case "/closing":
		w.Header().Set("Connection", "close")
		io.WriteString(w, "bye")
	default:
		fmt.Fprintf(w, "read %d", len(body))
	}
}

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	return listener
}

func main() {
	plain, newer, older := listen(), listen(), listen()
	certificate, err := tls.LoadX509KeyPair(os.Args[2], os.Args[1])
	if err != nil {
		panic(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	former := config.Clone()
	former.MaxVersion = tls.VersionTLS12
	go http.Serve(plain, http.HandlerFunc(answer))
	go http.Serve(tls.NewListener(newer, config), http.HandlerFunc(answer))
	go http.Serve(tls.NewListener(older, former), http.HandlerFunc(answer))
	port := func(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }
	fmt.Println(port(plain), port(newer), port(older))
	select {}
}
