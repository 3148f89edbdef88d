/** Addresses of TCP over IPv4, and the form that the kernel gives them: ip(7). */

/** An IPv4 address, such as `"127.0.0.1"`, and a port, as Python has them. */
export type SocketAddress = readonly [host: string, port: number];

const AF_INET = 2;

/** The four numbers of an IPv4 address in its usual form; nothing, if it is none. */
export function octets(host: string): number[] | undefined {
  const numbers = /^\d{1,3}(\.\d{1,3}){3}$/.test(host) ? host.split(".").map(Number) : [256];
  return numbers.every((number) => number <= 255) ? numbers : undefined;
}

/** struct sockaddr_in: port and address stand in network byte order. TypeError: that is no address. */
export function sockaddr(address: SocketAddress): Uint8Array<ArrayBuffer> {
  const [host, port] = Array.isArray(address) ? address as [string, number] : ["", -1];
  const numbers = octets(host);
  if (!numbers || !(Number.isInteger(port) && port >= 0 && port <= 65535)) {
    const given = JSON.stringify(address);
    throw new TypeError(`an address is [host, port], such as ["127.0.0.1", 9696], not ${given}`);
  }
  return Uint8Array.of(AF_INET, 0, port >> 8, port & 0xff, ...numbers, 0, 0, 0, 0, 0, 0, 0, 0);
}

/** The address in a struct sockaddr_in. */
export function socketAddress(bytes: Uint8Array): SocketAddress {
  return [`${bytes[4]}.${bytes[5]}.${bytes[6]}.${bytes[7]}`, bytes[2] << 8 | bytes[3]];
}
