class Trace: pass
def open_trace(p, verify=True): raise 1
