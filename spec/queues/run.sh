#!/usr/bin/env bash
# run.sh BUILD KIND [BENCH] - a real server of this kind, the command that delivers to it, and another client that
# reads; or the program BENCH, with the kind and the port.
set -eu
build=$(realpath "$1") here=$(dirname "$(realpath "$0")")
folder=$(mktemp -d)
trap 'kill -9 $(cat "$folder/pids" 2>/dev/null) 2>/dev/null || true; rm -rf "$folder"' EXIT
: >"$folder/pids"

# Debian's packages are for Debian's Python, which may not be the first one.
python() {
    local each
    for each in "$folder/python/bin/python3" python3 /usr/bin/python3; do
        "$each" -c "import $module" 2>/dev/null && exec "$each" "$@"
    done
    echo "run.sh: no Python has $module: spec/packages" >&2
    exit 1
}

# What Debian has no package of comes from where Python's own installer gets it.
python_with() { # package
    python3 -m venv "$folder/python"
    "$folder/python/bin/pip" install --quiet --retries 3 "$1"
}

free_port() {
    python3 "$here/../spare_port.py"
}

# An ordinary user, where there is one for it. It ends with us, also where no trap is run any more.
as_user() { # user, command …
    local user=$1
    shift
    [ "$(id -u)" = 0 ] || { exec setpriv --pdeathsig KILL "$@"; }
    chown -R "$user" "$folder/server"
    exec setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups --pdeathsig KILL "$@"
}

wait_for() { # command …
    local i
    for i in $(seq 600); do
        "$@" >/dev/null 2>&1 && return
        kill -0 $(cat "$folder/pids") || break
        sleep 0.1
    done
    cat "$folder/server/log" >&2
    exit 1
}

mkdir "$folder/server"
chmod 711 "$folder"
port=$(free_port)
case $2 in
redis)
    module=redis
    (cd "$folder/server" && as_user redis redis-server --bind 127.0.0.1 --port "$port" --save "" --dir "$folder/server" >log 2>&1) &
    echo $! >>"$folder/pids"
    wait_for redis-cli -p "$port" ping
    ;;
rabbitmq)
    module=pika names=$(free_port)
    export HOME="$folder/server" ERL_EPMD_PORT="$names" ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_NODENAME=reader@localhost
    export RABBITMQ_MNESIA_BASE="$HOME/mnesia" RABBITMQ_LOG_BASE="$HOME/logs" RABBITMQ_CONFIG_FILE="$HOME/rabbitmq"
    export RABBITMQ_ENABLED_PLUGINS_FILE="$HOME/plugins" RABBITMQ_PID_FILE="$HOME/pid" RABBITMQ_CONF_ENV_FILE=/dev/null
    export RABBITMQ_DIST_PORT RUNNING_UNDER_SYSTEMD=1 # so that it is the process that was started
    RABBITMQ_DIST_PORT=$(free_port)
    printf 'listeners.tcp.1 = 127.0.0.1:%s\nlog.console = true\nlog.console.level = error\nlog.file = false\n' "$port" >"$HOME/rabbitmq.conf"
    printf 'default_user = writer\ndefault_pass = pass%%/word\n' >>"$HOME/rabbitmq.conf"
    echo '[].' >"$HOME/plugins"
    (as_user rabbitmq epmd >/dev/null 2>&1) &
    echo $! >>"$folder/pids"
    (cd "$HOME" && as_user rabbitmq /usr/lib/rabbitmq/bin/rabbitmq-server >log 2>&1) &
    echo $! >>"$folder/pids"
    wait_for bash -c "exec 3<>/dev/tcp/127.0.0.1/$port && printf 'AMQP\0\0\x09\x01' >&3 && head -c 7 <&3 | grep -qa ."
    ;;
nats)
    module=nats
    printf 'listen: "127.0.0.1:%s"\njetstream { store_dir: "%s/server/streams" }\n' "$port" "$folder" >"$folder/server/nats.conf"
    printf 'authorization { users = [ { user: reader, password: reader }, { user: writer, password: "pass%%/word", ' >>"$folder/server/nats.conf"
    printf 'permissions: { publish: "order.*", subscribe: "_INBOX.>" } } ] }\n' >>"$folder/server/nats.conf"
    (cd "$folder/server" && as_user nats nats-server -c nats.conf >log 2>&1) &
    echo $! >>"$folder/pids"
    wait_for bash -c "exec 3<>/dev/tcp/127.0.0.1/$port && head -c 4 <&3 | grep -q INFO"
    [ $# -gt 2 ] || python_with nats-py
    ;;
kafka)
    module=kafka control=$(free_port) users=$(free_port) scheme=org.apache.kafka.common.security.plain.PlainLoginModule
    [ -f "$build/kafka/all" ] || "$here/kafka.sh" "$build/kafka"
    cat >"$folder/server/kafka.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$control
controller.listener.names=CONTROLLER
listeners=DESK://127.0.0.1:$port,USERS://127.0.0.1:$users,CONTROLLER://127.0.0.1:$control
advertised.listeners=DESK://127.0.0.1:$port,USERS://127.0.0.1:$users
listener.security.protocol.map=DESK:PLAINTEXT,USERS:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=DESK
listener.name.users.sasl.enabled.mechanisms=PLAIN
listener.name.users.plain.sasl.jaas.config=$scheme required user_writer="pass%/word";
log.dirs=$folder/server/data
offsets.topic.replication.factor=1
END
    java() {
        as_user nobody java -Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$build/kafka/*" "$@"
    }
    (cd "$folder/server" && java kafka.tools.StorageTool format -t AAAAAAAAAAAAAAAAAAAAAA -c kafka.properties >log 2>&1)
    (cd "$folder/server" && java kafka.Kafka kafka.properties >log 2>&1) &
    echo $! >>"$folder/pids"
    wait_for bash -c "exec 3<>/dev/tcp/127.0.0.1/$users"
    export WEBHOOK_QUEUE_USERS="$users"
    [ $# -gt 2 ] || python_with kafka-python
    ;;
*)
    echo "run.sh: there is no $2" >&2
    exit 2
    ;;
esac
if [ $# -gt 2 ]; then
    "$3" "$2" "$port"
    exit
fi
(python "$here/$2_reader.py" "$build" "$port" "$folder")
