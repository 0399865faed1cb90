# The targets of the original. npm does the work; make only names it.
.PHONY: deps proto build clean run test bench

deps:
	npm ci

proto: node_modules
	npm run proto

build: node_modules
	npm run --silent build
	mkdir -p bin
	install -m 755 scripts/bin/server scripts/bin/client bin/

node_modules: package-lock.json
	npm ci
	touch node_modules

clean:
	rm -rf dist bin

run: build
	./bin/server -bootstrap

test: node_modules
	npm test

bench: build
	node dist/bench/compare.js
