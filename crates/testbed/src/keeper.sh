# Runs one server for whoever holds the other end of our standard input, and not a moment longer: when that process is
# gone, killed or not, `read` fails, the server is ended and its folder removed.
#   $1 the folder   $2 the signal that ends the server   the rest: the server's command
# Words understood: `start`, `end SIGNAL`, `signal SIGNAL` (to the server and its children). Each is answered by one line.
folder=$1 last=$2 pid=
shift 2

signal() {
    # The children come second: a server that is stopped already starts no new ones meanwhile.
    kill -s "$1" "$pid" 2>/dev/null
    for child in $(cat "/proc/$pid/task/$pid/children" 2>/dev/null); do kill -s "$1" "$child" 2>/dev/null; done
}

end() {
    [ -n "$pid" ] || return 0
    kill -s "$1" "$pid" 2>/dev/null
    signal CONT     # a frozen one hears nothing
    wait "$pid"
    pid=
}

while read -r word argument; do
    case $word in
    start)
        "$@" </dev/null >>"$folder/log" 2>&1 &
        pid=$!
        echo "$pid"
        ;;
    end) end "$argument"; echo ;;
    signal) signal "$argument"; echo ;;
    esac
done
end "$last"
rm -rf "$folder"
