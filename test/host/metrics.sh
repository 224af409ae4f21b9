#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What goes with metrics: the dashboard asks for those that there are, the manual page has them all, and what
# checks their text finds what is wrong.

# shellcheck source-path=SCRIPTDIR disable=SC2317	# functions by name
. "$(dirname "$0")/../tap.sh"

dashboard=packaging/grafana-dashboard.json

names()
{
	grep -oE 'holdfastd?_[a-z_]+' "$@" | sort -u
}

metrics()
{
	grep -ohE '"holdfastd?_[a-z_]+"' tools/holdfastd/metrics.c | tr -d '"' | sort -u
}

quiet "the dashboard is JSON" perl -MJSON::PP -e 'local $/; decode_json(<STDIN>)' <"$dashboard"
quiet "it asks for metrics that there are" diff /dev/null \
	<(names "$dashboard" | sed 's/_bucket$//' | grep -vxFf <(metrics))
quiet "holdfastd(8) has each of them" diff <(metrics) <(names man/holdfastd.8)
quiet "packaging/holdfast.cdi.json is JSON" perl -MJSON::PP -e 'local $/; decode_json(<STDIN>)' \
	<packaging/holdfast.cdi.json

# checked LINE... - what the checker says of these lines
checked()
{
	printf '%s\n' "$@" | perl test/prometheus.pl
}

counter=('# HELP a_total So many.' '# TYPE a_total counter')
histogram=('# HELP h So long.' '# TYPE h histogram')
quiet "a counter" checked "${counter[@]}" 'a_total{x="1",y="\"\\"} 3' 'a_total 1'
gives "twice the same" 1 '*a sample twice*' checked "${counter[@]}" 'a_total{x="1"} 3' 'a_total{x="1"} 4'
gives "a sample of no type" 1 '*no TYPE*' checked 'a_total 1'
gives "a label without quotes" 1 '*not of the format*' checked "${counter[@]}" 'a_total{x=1} 3'
gives "a quote in a label" 1 '*not of the format*' checked "${counter[@]}" 'a_total{x="""} 3'
gives "a counter by another name" 1 '*_total is for counters*' checked '# HELP a b' '# TYPE a counter'
quiet "a histogram" checked "${histogram[@]}" 'h_bucket{le="1"} 1' 'h_bucket{le="+Inf"} 2' 'h_sum 2.5' 'h_count 2'
gives "buckets that go down" 1 '*has fewer*' checked "${histogram[@]}" 'h_bucket{le="1"} 3' \
	'h_bucket{le="+Inf"} 2' 'h_sum 2.5' 'h_count 2'
gives "a count of its own" 1 '*not that of +Inf*' checked "${histogram[@]}" 'h_bucket{le="1"} 1' \
	'h_bucket{le="+Inf"} 2' 'h_sum 2.5' 'h_count 3'
gives "nothing" 1 'nothing' perl test/prometheus.pl </dev/null
if command -v promtool >/dev/null; then
	quiet "promtool agrees" bash -c \
		"printf '%s\n' '# HELP a_total So many.' '# TYPE a_total counter' 'a_total 1' | promtool check metrics"
fi
finish
