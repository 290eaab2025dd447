package boot

// Next returns what an image would be told if it were started now, but for what the
// process before knows, the number of the start and its profile. It is a *NothingError
// if nothing can be started. Nothing is written.
func (s *Store) Next() (Info, error) {
	v, err := s.Look()
	if err != nil {
		return Info{}, err
	}
	p := s.Plan(v)
	if len(p.Try) == 0 {
		return Info{}, &NothingError{v.Contents}
	}
	in := v.after(p).tells(p)
	in.Last.Reason = p.Reason
	return in, nil
}

// after returns what there is when a plan was carried out.
func (v View) after(p Plan) View {
	for _, w := range p.Write {
		v.Entries[w.Sector] = w.Entry
	}
	return v
}

// tells returns what an image is told of the plan that starts it. v is what there is
// after the plan.
func (v View) tells(p Plan) Info {
	c := v.at(p.Try[0])
	in := Info{
		Slot: c.Slot, Desc: c.Image.Desc, Digest: c.Image.Digest, Fuses: v.Fuses.Raise(p.Floor),
		Trial: p.Trial, GaveUp: v.gaveUp(c.Slot),
	}
	if p.First != NoSlot && p.First != in.Slot && v.at(p.First).Err != nil {
		in.Instead = &Instead{p.First, v.at(p.First).Err.Error()}
	}
	return in
}
