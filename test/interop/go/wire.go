package main

import (
	"encoding/binary"
	"fmt"
)

// Messages are bytes here: these are all that is needed of protobuf.

// rawCodec sends and receives []byte as they are.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(message any) ([]byte, error) {
	bytes, good := message.([]byte)
	if !good {
		return nil, fmt.Errorf("a message is %T", message)
	}
	return bytes, nil
}

func (rawCodec) Unmarshal(bytes []byte, into any) error {
	target, good := into.(*[]byte)
	if !good {
		return fmt.Errorf("a message goes to %T", into)
	}
	*target = append([]byte(nil), bytes...)
	return nil
}

// field is one length-delimited field.
func field(number int, content []byte) []byte {
	encoded := binary.AppendUvarint(nil, uint64(number)<<3|2)
	encoded = binary.AppendUvarint(encoded, uint64(len(content)))
	return append(encoded, content...)
}

// kvstore.proto
func getRequest(key string) []byte { return field(1, []byte(key)) }

func setRequest(key string, value []byte) []byte {
	return append(field(1, []byte(key)), field(2, value)...)
}

// valueOf is what a GetResponse holds.
func valueOf(response []byte) ([]byte, error) {
	if len(response) == 0 {
		return nil, nil
	}
	length, size := binary.Uvarint(response[1:])
	if response[0] != 1<<3|2 || size <= 0 || uint64(len(response)-1-size) != length {
		return nil, fmt.Errorf("%d bytes are no GetResponse", len(response))
	}
	return response[1+size:], nil
}

// reflection.proto: list_services = 7.
func listServices() []byte { return field(7, []byte("*")) }
