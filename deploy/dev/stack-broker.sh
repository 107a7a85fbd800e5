# Part of deploy/dev/stack: the broker. Sets brokers; uses broker, external, dir, ask, port, say, die, program of the script.

broker_up() {
	if [ -n "$external" ]; then
		brokers=$external
		return
	fi
	brokers=127.0.0.1:$(port broker) || return 1
	case $broker in
	devbroker) devbroker_define ;;
	kafka) kafka_define ;;
	esac || return 1
	start_ready broker
}

devbroker_define() {
	local topic args=()
	for topic in $topics; do args+=(--topic "aftercare.$topic:$lanes"); done
	ask define broker rank=1 patience=5 -- \
		"$(program aftercare-devbroker)" --port "${brokers##*:}" --speed "$devbroker_speed" "${args[@]}"
}

# The first number of the version, as "17.0.15" or the old "1.8.0" gives it.
java_major() { "$1" -version 2>&1 | sed -n 's/.* version "\(1\.\)\{0,1\}\([0-9]*\).*/\2/p' | head -n 1; }

kafka_properties() {
	local port=${brokers##*:} controller=$1
	cat <<-END
		# Written by deploy/dev/stack at every up.
		process.roles=broker,controller
		node.id=1
		controller.quorum.voters=1@127.0.0.1:$controller
		listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
		advertised.listeners=PLAINTEXT://127.0.0.1:$port
		controller.listener.names=CONTROLLER
		listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
		log.dirs=$dir/kafka
		offsets.topic.replication.factor=1
		offsets.topic.num.partitions=4
		transaction.state.log.replication.factor=1
		transaction.state.log.min.isr=1
		group.initial.rebalance.delay.ms=0
		auto.create.topics.enable=false
	END
}

kafka_define() {
	local java=${JAVA:-java} major lib controller id
	command -v "$java" >/dev/null || die "Kafka needs a Java runtime; deploy/install-packages kafka installs one"
	java=$(command -v "$java")
	major=$(java_major "$java")
	[ "${major:-0}" -ge 17 ] || die "Kafka needs Java 17 or newer, $java is ${major:-of unknown version} (set JAVA to another)"
	lib=$("$here/kafka-fetch") || return 1
	controller=$(port kafka-controller) || return 1
	kafka_properties "$controller" >"$dir/conf/kafka.properties"
	if [ ! -e "$dir/kafka/meta.properties" ]; then
		id=$("$java" -cp "$lib/*" kafka.tools.StorageTool random-uuid 2>>"$dir/log/broker.log") || return 1
		if ! "$java" -cp "$lib/*" kafka.tools.StorageTool format -t "$id" -c "$dir/conf/kafka.properties" \
			>>"$dir/log/broker.log" 2>&1; then
			tail_log broker
			return 1
		fi
	fi
	# Its shutdown takes a second or two; when it does not come to an end, a killed Kafka recovers its logs at the next start.
	ask define broker rank=1 patience=20 ready="${brokers##*:}" -- "$java" -Xms256m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
		-Dorg.slf4j.simpleLogger.showDateTime=true \
		"-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS" -cp "$lib/*" kafka.Kafka "$dir/conf/kafka.properties"
}
