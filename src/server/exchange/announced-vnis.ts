interface AnnouncedVni {
  readonly vni: number;
  routes: number;
}

/** Counts the routes that a peer announces, in all and in each VNI. */
export class AnnouncedVnis {
  routes = 0;
  readonly #byVni = new Map<number, AnnouncedVni>();
  /** The VNI that was used last: announcements mostly arrive VNI by VNI. */
  #last: AnnouncedVni | undefined;

  /** In how many VNIs the peer announces a route. */
  get vnis(): number {
    return this.#byVni.size;
  }

  /** Returns the numbers of the VNIs. The iteration may pause while routes are removed. */
  numbers(): Iterator<number> {
    return this.#byVni.keys();
  }

  has(vni: number): boolean {
    return this.#find(vni) !== undefined;
  }

  add(vni: number): void {
    this.routes++;
    const known = this.#find(vni);
    if (known !== undefined) {
      known.routes++;
      return;
    }
    this.#last = { vni, routes: 1 };
    this.#byVni.set(vni, this.#last);
  }

  remove(vni: number): void {
    const known = this.#find(vni);
    if (known === undefined) throw new Error(`no route is announced in VNI ${vni}`);
    this.routes--;
    if (--known.routes > 0) return;
    this.#byVni.delete(vni);
    this.#last = undefined;
  }

  #find(vni: number): AnnouncedVni | undefined {
    if (this.#last?.vni !== vni) this.#last = this.#byVni.get(vni) ?? this.#last;
    return this.#last?.vni === vni ? this.#last : undefined;
  }
}
