// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.state;

import io.cilium4j.api.ApiJson;
import io.cilium4j.core.state.StorageException;
import io.cilium4j.core.state.StoredTable;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;

/**
 * What users asked for by number: a table whose rows outlive the process, one file each. Whether a
 * row is carried out is another matter, and not told here. A file that cannot be read is set aside,
 * and {@link StateFolder#lost} tells of it from then on.
 *
 * <p>Safe for use by several threads.
 *
 * @param <V> the value
 */
public final class FileTable<V> implements StoredTable<Long, V> {
  private static final Logger LOG = LoggerFactory.getLogger(FileTable.class);

  private static final String SUFFIX = ".json";

  /** Most rows: as many as a service's number, 16 bits wide, can tell apart. */
  static final int MAX_ROWS = 65_535;

  private final String name;
  private final Path files;
  private final StateFolder folder;
  private final ReentrantLock lock = new ReentrantLock();
  private final TableWriter<Long, V> rows;
  private final Function<V, byte[]> writing;

  /**
   * Reads what an earlier run kept; a file that cannot be read costs its row and no more.
   *
   * @param type a record that stands in the files as JSON
   */
  public FileTable(String name, StateFolder folder, Class<V> type) {
    this(name, folder, type, Function.identity(), Function.identity());
  }

  /**
   * Reads what an earlier run kept; a file that cannot be read costs its row and no more.
   *
   * @param type a record that stands in the files as JSON
   * @param reading the value of such a record
   * @param writing the record of a value
   */
  public <T> FileTable(
      String name,
      StateFolder folder,
      Class<T> type,
      Function<T, V> reading,
      Function<V, T> writing) {
    this.name = name;
    this.folder = folder;
    this.files = folder.specs(name);
    this.writing = value -> ApiJson.mapper().writeValueAsBytes(writing.apply(value));
    this.rows = TableWriter.create(name);
    for (Path file : AtomicFiles.list(files, SUFFIX)) {
      String text = String.valueOf(file.getFileName());
      try {
        long id = Long.parseLong(text.substring(0, text.length() - SUFFIX.length()));
        rows.put(id, reading.apply(ApiJson.mapper().readValue(AtomicFiles.read(file), type)));
      } catch (IOException | JacksonException | IllegalArgumentException e) {
        LOG.warn("state lost table={} file={} error=\"{}\"", name, file, e.getMessage());
        AtomicFiles.setAside(file);
      }
    }
  }

  @Override
  public Table<Long, V> table() {
    return rows.table();
  }

  /** As {@link StoredTable#put}; there are at most 65,535 rows. */
  @Override
  public boolean put(Long id, V value) {
    lock.lock();
    try {
      boolean isNew = !rows.table().snapshot().contains(id);
      if (isNew && rows.table().snapshot().size() >= MAX_ROWS) {
        throw new StorageException(name + ": more than " + MAX_ROWS);
      }
      folder.createSpecs(name);
      AtomicFiles.write(file(id), writing.apply(value));
      rows.put(id, value);
      return isNew;
    } catch (IOException e) {
      throw new StorageException("write state of " + name + " " + id + ": " + e.getMessage(), e);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public boolean delete(Long id) {
    lock.lock();
    try {
      if (!rows.table().snapshot().contains(id)) {
        return false;
      }
      AtomicFiles.delete(file(id));
      rows.remove(id);
      return true;
    } catch (IOException e) {
      throw new StorageException("remove state of " + name + " " + id + ": " + e.getMessage(), e);
    } finally {
      lock.unlock();
    }
  }

  private Path file(Long id) {
    return files.resolve(id + SUFFIX);
  }
}
