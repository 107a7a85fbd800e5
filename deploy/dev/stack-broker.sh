# Part of deploy/dev/stack: the broker. Sets brokers; uses broker, nodes, external, dir, ask, port, say, die, program of the script.

# One node is the service `broker`, several are broker-1, broker-2, ...
broker_services() {
	local i
	[ -z "$external" ] || return 0
	[ "$nodes" -gt 1 ] || { echo broker && return; }
	for ((i = 1; i <= nodes; i++)); do echo "broker-$i"; done
}

broker_up() {
	local name address
	brokers=$external
	[ -z "$external" ] || return 0
	for name in $(broker_services); do
		address=127.0.0.1:$(port "$name") || return 1
		brokers+=${brokers:+,}$address
	done
	case $broker in
	devbroker) devbroker_define ;;
	kafka) kafka_define ;;
	esac || return 1
	# shellcheck disable=SC2046 # a list of names
	start_ready $(broker_services)
}

devbroker_define() {
	local topic args=()
	for topic in $topics; do args+=(--topic "aftercare.$topic:$lanes"); done
	ask define broker rank=1 patience=5 -- \
		"$(program aftercare-devbroker)" --port "${brokers##*:}" --speed "$devbroker_speed" "${args[@]}"
}

# The first number of the version, as "17.0.15" or the old "1.8.0" gives it.
java_major() { "$1" -version 2>&1 | sed -n 's/.* version "\(1\.\)\{0,1\}\([0-9]*\).*/\2/p' | head -n 1; }

# Where a node keeps its data and how it is called: kafka_of NUMBER BASE [SEPARATOR] gives BASE for the only node.
kafka_of() { if [ "$nodes" = 1 ]; then echo "$2"; else echo "$2${3:--}$1"; fi; }

kafka_voters() {
	local i controller
	for ((i = 1; i <= nodes; i++)); do
		controller=$(port "$(kafka_of "$i" kafka-controller)") || return 1
		echo "$i@127.0.0.1:$controller"
	done | paste -s -d ,
}

# What survives one node of three: a record is acknowledged when two have it, and whoever lacks it does not lead.
kafka_properties() {
	local i=$1 voters=$2 port controller copies=$nodes
	port=$(port "$(kafka_of "$i" broker)") || return 1
	controller=$(port "$(kafka_of "$i" kafka-controller)") || return 1
	[ "$copies" -lt 3 ] || copies=3
	cat <<-END
		# Written by deploy/dev/stack at every up.
		process.roles=broker,controller
		node.id=$i
		controller.quorum.voters=$voters
		listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
		advertised.listeners=PLAINTEXT://127.0.0.1:$port
		controller.listener.names=CONTROLLER
		listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
		log.dirs=$(kafka_of "$i" "$dir/kafka" /)
		default.replication.factor=$copies
		min.insync.replicas=$((copies / 2 + 1))
		unclean.leader.election.enable=false
		offsets.topic.replication.factor=$copies
		offsets.topic.num.partitions=4
		transaction.state.log.replication.factor=$copies
		transaction.state.log.min.isr=$((copies / 2 + 1))
		group.initial.rebalance.delay.ms=0
		auto.create.topics.enable=false
	END
	# A node that says nothing for so long leads nothing any more; Kafka's own 9 s are for networks and for long collections.
	[ "$nodes" = 1 ] || printf '%s=%s\n' broker.session.timeout.ms 3000 broker.heartbeat.interval.ms 500
}

# 128 random bits in the letters of Kafka's ids, one of which is none to begin with.
kafka_id() {
	local id=-
	while [ "${id#-}" != "$id" ]; do id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d =); done
	echo "$id"
}

# Makes the folders of data of a new cluster. The program is run for the first node only, which takes seconds; what it wrote there
# becomes the other nodes' with another number and another id of the folder.
kafka_format() {
	local i first data
	first=$(kafka_of 1 "$dir/kafka" /)
	mkdir -p "$dir/kafka"
	if ! "$java" -cp "$lib/*" kafka.tools.StorageTool format -t "$(kafka_id)" -c "$dir/conf/$(kafka_of 1 kafka).properties" \
		>>"$dir/log/$(kafka_of 1 broker).log" 2>&1; then
		tail_log "$(kafka_of 1 broker)"
		return 1
	fi
	for ((i = 2; i <= nodes; i++)); do
		data=$(kafka_of "$i" "$dir/kafka" /)
		cp -r "$first" "$data"
		sed -i "s/^node.id=.*/node.id=$i/; s/^directory.id=.*/directory.id=$(kafka_id)/" "$data/meta.properties"
	done
}

kafka_define() {
	local java=${JAVA:-java} major lib voters i name heap="-Xms256m -Xmx512m"
	command -v "$java" >/dev/null || die "Kafka needs a Java runtime; deploy/install-packages kafka installs one"
	java=$(command -v "$java")
	major=$(java_major "$java")
	[ "${major:-0}" -ge 17 ] || die "Kafka needs Java 17 or newer, $java is ${major:-of unknown version} (set JAVA to another)"
	lib=$("$here/kafka-fetch") || return 1
	voters=$(kafka_voters) || return 1
	for ((i = 1; i <= nodes; i++)); do
		kafka_properties "$i" "$voters" >"$dir/conf/$(kafka_of "$i" kafka).properties" || return 1
	done
	[ -e "$(kafka_of "$nodes" "$dir/kafka" /)/meta.properties" ] || kafka_format || return 1
	[ "$nodes" = 1 ] || heap="-Xms128m -Xmx384m"
	for ((i = 1; i <= nodes; i++)); do
		name=$(kafka_of "$i" broker)
		# Its shutdown takes a second or two; when it does not come to an end, a killed Kafka recovers its logs at the next start.
		# shellcheck disable=SC2086 # two words
		ask define "$name" rank=1 patience=20 ready="$(port "$name")" -- "$java" $heap -XX:+UseSerialGC \
			-XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.showDateTime=true \
			"-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS" -cp "$lib/*" \
			kafka.Kafka "$dir/conf/$(kafka_of "$i" kafka).properties" || return 1
	done
}
